// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/crypto/ssh"
)

// debianParameter is the public parameter with the newest image of Debian 13.
const debianParameter = "/aws/service/debian/release/13/latest/amd64"

// image is the image of all instances.
func (b *bench) image() string {
	return must(b.cfg.Wire.parameter(b.ctx, debianParameter))(b)
}

// keyPair is a key pair that exists for the duration of the run.
type keyPair struct {
	signer     ssh.Signer
	authorized string
}

func newKey(b *bench) keyPair {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	b.need(err)
	signer := must(ssh.NewSignerFromKey(private))(b)
	return keyPair{signer, string(ssh.MarshalAuthorizedKey(signer.PublicKey()))}
}

// quietMachine runs an instance that no check connects to, and waits until it is
// running. Its interfaces outlive it.
func (b *bench) quietMachine(p place, enis ...string) string {
	return b.launch(&ec2.RunInstancesInput{}, enis...)
}

// launch runs an instance with interfaces in the order of their device index.
func (b *bench) launch(in *ec2.RunInstancesInput, enis ...string) string {
	in.ImageId, in.InstanceType, in.MinCount, in.MaxCount = aws.String(b.image()), machineType, aws.Int32(1), aws.Int32(1)
	in.TagSpecifications = append(b.tags(types.ResourceTypeInstance), b.tags(types.ResourceTypeVolume)...)
	for i, e := range enis {
		in.NetworkInterfaces = append(in.NetworkInterfaces,
			types.InstanceNetworkInterfaceSpecification{DeviceIndex: aws.Int32(int32(i)), NetworkInterfaceId: &e})
	}
	id := aws.ToString(must(b.RunInstances(b.ctx, in))(b).Instances[0].InstanceId)
	b.need(ec2.NewInstanceRunningWaiter(b.EC2,
		func(o *ec2.InstanceRunningWaiterOptions) { o.MinDelay, o.MaxDelay = soon, late }).
		Wait(b.ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}}, 5*time.Minute))
	return id
}

// terminate terminates an instance without waiting.
func (b *bench) terminate(id string) {
	must(b.TerminateInstances(b.ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}}))(b)
}

// typeLimits are the limits of each type: interfaces, and addresses of each.
var typeLimits = map[types.InstanceType][2]int32{
	types.InstanceTypeT3Micro: {2, 2}, types.InstanceTypeT3Small: {3, 4}, types.InstanceTypeT3Large: {3, 12},
	types.InstanceTypeM5Large: {3, 10}, types.InstanceTypeM5Xlarge: {4, 15}, types.InstanceTypeC5Metal: {15, 50},
	"m8i.large": {3, 20}, "m8i.2xlarge": {4, 30}, "m8i.4xlarge": {8, 50},
}

var instanceChecks = []Check{
	{
		ID: "instance-types", Title: "Limits of instance types", Confidence: Documented,
		Source: "EC2 User Guide, \"Maximum IP addresses per network interface\"; EC2 API Reference, DescribeInstanceTypes",
		Rule:   "Each type has its number of interfaces and of addresses on each; as many IPv6 addresses as IPv4",
		run: func(b *bench) {
			for name, want := range typeLimits {
				out, err := b.DescribeInstanceTypes(b.ctx,
					&ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{name}})
				if code(err) == "InvalidInstanceType" && name != machineType {
					b.observe("the region has no %s", name)
					continue
				}
				b.need(err)
				n := out.InstanceTypes[0].NetworkInfo
				b.want(fmt.Sprintf("interfaces, IPv4 and IPv6 addresses of %s", name),
					[3]int32{aws.ToInt32(n.MaximumNetworkInterfaces), aws.ToInt32(n.Ipv4AddressesPerInterface),
						aws.ToInt32(n.Ipv6AddressesPerInterface)}, [3]int32{want[0], want[1], want[1]})
			}
			_, err := b.DescribeInstanceTypes(b.ctx,
				&ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{"moon.large"}})
			b.wantCode(err, "a type that does not exist", "InvalidInstanceType")
		},
	},
	{
		ID: "image", Title: "Debian's image", Confidence: Reported,
		Source: "wiki.debian.org, Cloud/AmazonEC2Image; AWS Systems Manager, public parameters",
		Rule:   "A public parameter names the newest image of Debian 13, which account 136693071363 owns",
		run: func(b *bench) {
			out := must(b.DescribeImages(b.ctx, &ec2.DescribeImagesInput{ImageIds: []string{b.image()}}))(b)
			b.want("the owner", aws.ToString(out.Images[0].OwnerId), "136693071363")
			b.holds(strings.HasPrefix(aws.ToString(out.Images[0].Name), "debian-13-amd64"), "a name debian-13-amd64-…", "%s",
				aws.ToString(out.Images[0].Name))
		},
	},
	{
		ID: "run-refused", Title: "Instances that cannot be", Confidence: Documented,
		Source: "EC2 API Reference, RunInstances and errors-overview; EC2 User Guide, user-data",
		Rule:   "An unknown image, type or key pair is refused, and so are more than 16 KiB of user data",
		Needs:  []string{"image"},
		run: func(b *bench) {
			p := b.place(28)
			try := func(change func(*ec2.RunInstancesInput)) error {
				in := &ec2.RunInstancesInput{DryRun: aws.Bool(true), ImageId: aws.String(b.image()), InstanceType: machineType,
					MinCount: aws.Int32(1), MaxCount: aws.Int32(1), SubnetId: &p.subnet}
				change(in)
				_, err := b.RunInstances(b.ctx, in)
				return err
			}
			b.wantCode(try(func(in *ec2.RunInstancesInput) {}), "a good request with DryRun", "DryRunOperation")
			b.wantCode(try(func(in *ec2.RunInstancesInput) { in.ImageId = aws.String(b.unknownID("ami")) }), "an unknown image",
				"InvalidAMIID.NotFound")
			b.wantCode(try(func(in *ec2.RunInstancesInput) { in.InstanceType = "moon.large" }), "an unknown type",
				"InvalidParameterValue", "InvalidInstanceType")
			b.wantCode(try(func(in *ec2.RunInstancesInput) { in.KeyName = aws.String("macaw-conform-none") }),
				"an unknown key pair", "InvalidKeyPair.NotFound")
			b.wantCode(try(func(in *ec2.RunInstancesInput) { in.SubnetId = aws.String(b.unknownID("subnet")) }),
				"an unknown subnet", "InvalidSubnetID.NotFound")
			b.wantCode(try(func(in *ec2.RunInstancesInput) {
				in.UserData = aws.String(base64.StdEncoding.EncodeToString(make([]byte, 16<<10+1)))
			}), "user data of 16 KiB and a byte", "InvalidParameterValue")
		},
	},
	{
		ID: "instance-life", Title: "An instance's life", Confidence: Documented,
		Source: "EC2 User Guide, ec2-instance-lifecycle",
		Rule: "Run, stop, start and terminate lead through the states; addresses stay while stopped; terminating again " +
			"succeeds; interfaces that existed before outlive the instance",
		Needs: []string{"image", "run-refused"}, Costs: []Cost{Instances},
		run: func(b *bench) {
			p := b.place(28)
			e := *b.eni(p, p.at(4), p.at(5)).NetworkInterfaceId
			i := b.quietMachine(p, e)
			in := &ec2.DescribeInstancesInput{InstanceIds: []string{i}}
			must(b.StopInstances(b.ctx, &ec2.StopInstancesInput{InstanceIds: []string{i}, Force: aws.Bool(true)}))(b)
			b.need(ec2.NewInstanceStoppedWaiter(b.EC2,
				func(o *ec2.InstanceStoppedWaiterOptions) { o.MinDelay, o.MaxDelay = soon, late }).Wait(b.ctx, in, 5*time.Minute))
			b.hasAddresses(e, p.at(4), p.at(5))
			must(b.StartInstances(b.ctx, &ec2.StartInstancesInput{InstanceIds: []string{i}}))(b)
			b.need(ec2.NewInstanceRunningWaiter(b.EC2,
				func(o *ec2.InstanceRunningWaiterOptions) { o.MinDelay, o.MaxDelay = soon, late }).Wait(b.ctx, in, 5*time.Minute))
			b.terminate(i)
			b.need(ec2.NewInstanceTerminatedWaiter(b.EC2,
				func(o *ec2.InstanceTerminatedWaiterOptions) {
					o.MinDelay, o.MaxDelay = soon,
						late
				}).Wait(b.ctx, in, 5*time.Minute))
			b.terminate(i)
			b.eventually("the interface is available", func() (string, bool) {
				s := b.see(e).Status
				return string(s), s == types.NetworkInterfaceStatusAvailable
			})
			_, err := b.StartInstances(b.ctx, &ec2.StartInstancesInput{InstanceIds: []string{i}})
			b.wantCode(err, "starting a terminated instance", "IncorrectInstanceState", "InvalidInstanceID.NotFound")
		},
	},
}

var natChecks = []Check{
	{
		ID: "nat", Title: "A NAT gateway's life", Confidence: Documented, Source: "VPC User Guide, vpc-nat-gateway",
		Rule: "A NAT gateway becomes available with an interface of its own, can be a route's target, and leaves the " +
			"Elastic IP when it is deleted",
		Needs: []string{"route-local", "elastic-primary"}, Costs: []Cost{NATGateway, ElasticIPs},
		run: func(b *bench) {
			p := b.place(28)
			e := b.elasticIPs(1)[0]
			token := "macaw-" + NewRun()
			create := func(subnet string) (*ec2.CreateNatGatewayOutput, error) {
				return b.CreateNatGateway(b.ctx,
					&ec2.CreateNatGatewayInput{SubnetId: &subnet, AllocationId: &e.id, ClientToken: &token,
						TagSpecifications: b.tags(types.ResourceTypeNatgateway)})
			}
			id := must(create(p.subnet))(b).NatGateway.NatGatewayId
			in := &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{*id}}
			b.need(ec2.NewNatGatewayAvailableWaiter(b.EC2,
				func(o *ec2.NatGatewayAvailableWaiterOptions) {
					o.MinDelay, o.MaxDelay = soon,
						late
				}).Wait(b.ctx, in, 5*time.Minute))
			made := must(b.DescribeNatGateways(b.ctx, in))(b).NatGateways[0].NatGatewayAddresses
			b.want("addresses", len(made), 1)
			b.want("the Elastic IP", aws.ToString(made[0].AllocationId), e.id)
			eni := b.see(aws.ToString(made[0].NetworkInterfaceId))
			// The API model and the documented filter spell it differently.
			b.holds(eni.InterfaceType == types.NetworkInterfaceTypeNatGateway || eni.InterfaceType == "nat_gateway",
				"an interface of the type natGateway or nat_gateway", "%s", eni.InterfaceType)
			b.observe("its interface is of the type %s", eni.InterfaceType)
			_, err := b.DeleteNetworkInterface(b.ctx,
				&ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: eni.NetworkInterfaceId})
			b.refused(err, "deleting its interface")
			_, err = create(b.place(28).subnet)
			b.wantCode(err, "the same token with another subnet", "IdempotentParameterMismatch")
			table := b.routeTable(p.vpc)
			must(b.CreateRoute(b.ctx, &ec2.CreateRouteInput{RouteTableId: &table, DestinationCidrBlock: aws.String("0.0.0.0/0"),
				NatGatewayId: id}))(b)
			must(b.DeleteNatGateway(b.ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: id}))(b)
			b.need(ec2.NewNatGatewayDeletedWaiter(b.EC2,
				func(o *ec2.NatGatewayDeletedWaiterOptions) {
					o.MinDelay, o.MaxDelay = soon,
						late
				}).Wait(b.ctx, in, 10*time.Minute))
			b.onAddress(e.id, "", "")
			b.eventually("the route is a black hole", func() (string, bool) {
				r := b.seeRoute(table, "0.0.0.0/0")
				if r == nil {
					return "there is no route", false
				}
				return string(r.State), r.State == types.RouteStateBlackhole
			})
		},
	},
}

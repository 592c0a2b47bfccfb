// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"macaw.example/lab/internal/account"
	"macaw.example/lab/internal/vpc"
)

func settings(t *testing.T, s account.Settings) *account.Account {
	t.Helper()
	a, err := account.New(s, "us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func labWith(t *testing.T, s account.Settings) *lab {
	return newLab(t, func(c *Config) { c.Settings = settings(t, s) })
}

// launches launches an instance in a new subnet of a zone.
func (l *lab) launches(zone string, instanceType types.InstanceType, change ...func(*ec2.RunInstancesInput)) error {
	l.t.Helper()
	vpcID := l.vpc("10.0.0.0/16")
	subnet := must(l.CreateSubnet(l.ctx, &ec2.CreateSubnetInput{VpcId: &vpcID, CidrBlock: aws.String("10.0.0.0/24"),
		AvailabilityZone: &zone}))(l).Subnet.SubnetId
	in := &ec2.RunInstancesInput{ImageId: aws.String(stockAMI), InstanceType: instanceType, MinCount: aws.Int32(1),
		MaxCount: aws.Int32(1), SubnetId: subnet}
	for _, c := range change {
		c(in)
	}
	_, err := l.RunInstances(l.ctx, in)
	return err
}

func TestLaunchSettings(t *testing.T) {
	for _, tt := range []struct {
		name     string
		settings account.Settings
		launch   func(*lab) error
		code     string
		message  string
	}{
		{"vCPU quota", account.Settings{VCPUQuota: 5}, func(l *lab) error {
			if err := l.launches("us-east-1a", "t3.xlarge"); err != nil {
				return err
			}
			return l.launches("us-east-1a", "t3.small")
		}, "VcpuLimitExceeded", "your current vCPU limit of 5 allows"},
		{"vCPU quota, the first instance", account.Settings{VCPUQuota: 1},
			func(l *lab) error { return l.launches("us-east-1a", "t3.small") }, "VcpuLimitExceeded", ""},
		{"vCPU quota of Spot Instances", account.Settings{VCPUQuota: 4, SpotVCPUQuota: 5}, func(l *lab) error {
			for _, change := range []func(*ec2.RunInstancesInput){spot, func(*ec2.RunInstancesInput) {}} {
				if err := l.launches("us-east-1a", "t3.xlarge", change); err != nil {
					return err
				}
			}
			return l.launches("us-east-1a", "t3.small", spot)
		}, "MaxSpotInstanceCountExceeded", "Max spot instance count exceeded"},
		{"no Spot capacity", account.Settings{NoSpotCapacity: map[string][]string{"us-east-1a": {"t3.xlarge"}}},
			func(l *lab) error {
				if err := l.launches("us-east-1a", "t3.xlarge"); err != nil {
					return err
				}
				if err := l.launches("us-east-1b", "t3.xlarge", spot); err != nil {
					return err
				}
				return l.launches("us-east-1a", "t3.xlarge", spot)
			}, "InsufficientInstanceCapacity", "There is no Spot capacity available that matches your request."},
		{"free plan", account.Settings{FreePlan: true}, func(l *lab) error {
			if err := l.launches("us-east-1a", "t3.micro"); err != nil {
				return err
			}
			return l.launches("us-east-1a", "t3.xlarge")
		}, "InvalidParameterCombination", "not eligible for Free Tier"},
		{"no capacity", account.Settings{NoCapacity: map[string][]string{"us-east-1a": {"t3.xlarge"}, "us-east-1b": {"*"}}},
			func(l *lab) error {
				if err := l.launches("us-east-1a", "t3.large"); err != nil {
					return err
				}
				return l.launches("us-east-1a", "t3.xlarge")
			}, "InsufficientInstanceCapacity", "do not have sufficient t3.xlarge capacity in the Availability Zone you " +
				"requested (us-east-1a). Our system will be working on provisioning additional capacity. You can currently get " +
				"t3.xlarge capacity by not specifying an Availability Zone in your request or choosing us-east-1c."},
		{"no capacity, all types", account.Settings{NoCapacity: map[string][]string{"us-east-1b": {"*"}}},
			func(l *lab) error { return l.launches("us-east-1b", "t3.large") }, "InsufficientInstanceCapacity", ""},
		{"IMDSv2", account.Settings{EnforceIMDSv2: true}, func(l *lab) error {
			if err := l.launches("us-east-1a", "t3.micro"); err != nil {
				return err
			}
			return l.launches("us-east-1a", "t3.micro", func(in *ec2.RunInstancesInput) {
				in.MetadataOptions = &types.InstanceMetadataOptionsRequest{HttpTokens: types.HttpTokensStateOptional}
			})
		}, "UnsupportedOperation", "because httpTokensEnforced is enabled for this account"},
		{"image that is not allowed", account.Settings{ImageProviders: []string{"amazon"}},
			func(l *lab) error { return l.launches("us-east-1a", "t3.micro") }, "InvalidAMIID.NotFound", "does not exist"},
		{"image that is allowed", account.Settings{ImageProviders: []string{"136693071363"}},
			func(l *lab) error { return l.launches("us-east-1a", "t3.micro") }, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := labWith(t, tt.settings)
			err := tt.launch(l)
			l.wantCode(err, tt.code)
			if !strings.Contains(apiMessage(err), tt.message) {
				t.Errorf("message %q, want %q", apiMessage(err), tt.message)
			}
		})
	}
}

// A volume's key that may not be used ends the instance at launch, and the call succeeds.
func TestForbiddenKey(t *testing.T) {
	for setting, want := range map[string]string{
		account.EncryptForbidden: "Client.InternalError: Client error on launch",
		account.EncryptDisabled:  "Client.InvalidKMSKey.InvalidState: The KMS key provided is in an incorrect state",
	} {
		testUnusableKey(t, setting, want)
	}
}

func testUnusableKey(t *testing.T, setting, want string) {
	l := labWith(t, account.Settings{Encryption: setting})
	subnet := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/24")
	id := must(l.RunInstances(l.ctx, &ec2.RunInstancesInput{ImageId: aws.String(stockAMI), MinCount: aws.Int32(1),
		MaxCount: aws.Int32(1), SubnetId: &subnet}))(l).Instances[0].InstanceId
	l.wait(*id, types.InstanceStateNameTerminated)
	code, _, _ := strings.Cut(want, ":")
	if got := l.instance(*id).StateReason; *got.Code != code || *got.Message != want {
		t.Errorf("%s: state reason %v %v", setting, *got.Code, *got.Message)
	}
}

// The account's settings as AWS shows them, off and on.
func TestSettingsShown(t *testing.T) {
	type shown struct {
		Encrypted                    bool
		Key, Images, Block, Enforced string
		Providers, Excluded          []string
	}
	look := func(l *lab) (s shown) {
		encrypted := must(l.GetEbsEncryptionByDefault(l.ctx, &ec2.GetEbsEncryptionByDefaultInput{}))(l)
		key := must(l.GetEbsDefaultKmsKeyId(l.ctx, &ec2.GetEbsDefaultKmsKeyIdInput{}))(l)
		images := must(l.GetAllowedImagesSettings(l.ctx, &ec2.GetAllowedImagesSettingsInput{}))(l)
		block := must(l.DescribeVpcBlockPublicAccessOptions(l.ctx, &ec2.DescribeVpcBlockPublicAccessOptionsInput{}))(l)
		excluded := must(l.DescribeVpcBlockPublicAccessExclusions(l.ctx,
			&ec2.DescribeVpcBlockPublicAccessExclusionsInput{}))(l)
		metadata := must(l.GetInstanceMetadataDefaults(l.ctx, &ec2.GetInstanceMetadataDefaultsInput{}))(l)
		s = shown{*encrypted.EbsEncryptionByDefault, *key.KmsKeyId, *images.State,
			string(block.VpcBlockPublicAccessOptions.InternetGatewayBlockMode),
			string(metadata.AccountLevel.HttpTokensEnforced), nil, nil}
		for _, c := range images.ImageCriteria {
			s.Providers = append(s.Providers, c.ImageProviders...)
		}
		for _, e := range excluded.VpcBlockPublicAccessExclusions {
			s.Excluded = append(s.Excluded, *e.ResourceArn)
		}
		return s
	}
	if diff := cmp.Diff(shown{false, "alias/aws/ebs", "disabled", "off", "", nil, nil}, look(newLab(t))); diff != "" {
		t.Errorf("off, -want +got:\n%s", diff)
	}
	l := labWith(t, account.Settings{Encryption: account.EncryptOwn, ImageProviders: []string{"amazon"},
		BlockPublicAccess: account.BlockIngress, Excluded: []string{"vpc-1"}, EnforceIMDSv2: true})
	want := shown{true, "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", "enabled",
		"block-ingress", "enabled", []string{"amazon"}, []string{"arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1"}}
	if diff := cmp.Diff(want, look(l)); diff != "" {
		t.Errorf("on, -want +got:\n%s", diff)
	}
}

// A change of the settings reaches the fabric at once.
func TestBlockPublicAccessReachesTheFabric(t *testing.T) {
	a := &account.Account{}
	l := newLab(t, func(c *Config) { c.Settings = a })
	blocked, excluded := l.vpc("10.0.0.0/16"), l.vpc("10.1.0.0/16")
	for mode, want := range map[string]vpc.PublicAccess{
		"": vpc.PublicAccessAll, account.BlockIngress: vpc.PublicAccessNAT, account.BlockBidirectional: vpc.PublicAccessNone,
	} {
		if err := a.Set(account.Settings{BlockPublicAccess: mode, Excluded: []string{excluded}}); err != nil {
			t.Fatal(err)
		}
		for _, v := range l.fabric.topology().VPCs {
			want := map[string]vpc.PublicAccess{blocked: want, excluded: vpc.PublicAccessAll}[v.ID]
			if v.PublicAccess != want {
				t.Errorf("%q: %s is %d, want %d", mode, v.ID, v.PublicAccess, want)
			}
		}
		shown := mode
		if mode == "" {
			shown = "off"
		}
		for id, want := range map[string]string{blocked: shown, excluded: "off"} {
			if got := string(l.describeVPC(id).BlockPublicAccessStates.InternetGatewayBlockMode); got != want {
				t.Errorf("%s is shown as %s, want %s", id, got, want)
			}
		}
	}
}

// Nothing answers in a region that the account has not opted in to, and the home region says so.
func TestRegionDisabled(t *testing.T) {
	l := newLab(t, func(c *Config) {
		c.Region, c.Settings = "me-south-1", settings(t, account.Settings{RegionDisabled: true})
	})
	_, err := l.clientIn("me-south-1").DescribeVpcs(l.ctx, &ec2.DescribeVpcsInput{})
	l.wantCode(err, "AuthFailure")
	_, err = l.clientIn("us-east-1").DescribeVpcs(l.ctx, &ec2.DescribeVpcsInput{})
	l.wantCode(err, "AuthFailure")
	out := must(l.clientIn("us-east-1").DescribeRegions(l.ctx,
		&ec2.DescribeRegionsInput{RegionNames: []string{"me-south-1"}}))(l)
	if got := *out.Regions[0].OptInStatus; got != "not-opted-in" {
		t.Errorf("opt-in status %s", got)
	}
	out = must(l.clientIn("us-east-1").DescribeRegions(l.ctx, &ec2.DescribeRegionsInput{}))(l)
	if len(out.Regions) != 1 || *out.Regions[0].RegionName != "us-east-1" {
		t.Errorf("regions %v", out.Regions)
	}
}

func TestPartitions(t *testing.T) {
	for region, want := range map[string]string{
		"cn-north-1":    "arn:aws-cn:ec2:cn-north-1:123456789012:security-group/ ec2.cn-north-1.amazonaws.com.cn",
		"us-gov-west-1": "arn:aws-us-gov:ec2:us-gov-west-1:123456789012:security-group/ ec2.us-gov-west-1.amazonaws.com",
	} {
		l := newLab(t, func(c *Config) { c.Region = region })
		api := l.clientIn(region)
		v := must(api.CreateVpc(l.ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}))(l).Vpc.VpcId
		g := must(api.CreateSecurityGroup(l.ctx, &ec2.CreateSecurityGroupInput{VpcId: v, GroupName: aws.String("x"),
			Description: aws.String("x")}))(l)
		regions := must(api.DescribeRegions(l.ctx, &ec2.DescribeRegionsInput{}))(l)
		got := strings.TrimSuffix(*g.SecurityGroupArn, *g.GroupId) + " " + *regions.Regions[0].Endpoint
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// An image is as large as the volume that it was made of, and no smaller volume is made of it.
func TestImageOfALargeVolume(t *testing.T) {
	l := newLab(t)
	subnet := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/24")
	launch := func(image string, size int32) (*ec2.RunInstancesOutput, error) {
		return l.RunInstances(l.ctx, &ec2.RunInstancesInput{ImageId: &image, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
			SubnetId: &subnet, BlockDeviceMappings: []types.BlockDeviceMapping{{DeviceName: aws.String("/dev/xvda"),
				Ebs: &types.EbsBlockDevice{VolumeSize: &size}}}})
	}
	id := must(launch(stockAMI, 40))(l).Instances[0].InstanceId
	l.wait(*id, types.InstanceStateNameRunning)
	must(l.StopInstances(l.ctx, &ec2.StopInstancesInput{InstanceIds: []string{*id}}))(l)
	l.wait(*id, types.InstanceStateNameStopped)
	image := must(l.CreateImage(l.ctx, &ec2.CreateImageInput{InstanceId: id, Name: aws.String("large")}))(l).ImageId
	l.eventually("the image", func() bool {
		out := must(l.DescribeImages(l.ctx, &ec2.DescribeImagesInput{ImageIds: []string{*image}}))(l).Images[0]
		return out.State == types.ImageStateAvailable && *out.BlockDeviceMappings[0].Ebs.VolumeSize == 40
	})
	_, err := launch(*image, 39)
	l.wantCode(err, "InvalidBlockDeviceMapping")
	must(launch(*image, 40))(l)
}

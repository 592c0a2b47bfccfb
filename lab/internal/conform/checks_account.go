// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// These checks only look at the account's settings: whatever they are, AWS says them in one form.

var keyARN = regexp.MustCompile(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$`)

// managers are who may have set a setting.
var managers = []string{"account", "declarative-policy"}

var accountChecks = []Check{
	{
		ID: "account-encryption", Title: "Encryption by default", Confidence: Documented,
		Source: "EC2 API Reference, GetEbsEncryptionByDefault and GetEbsDefaultKmsKeyId; EBS User Guide, " +
			"encryption-by-default",
		Rule: "Encryption by default is on or off, of type none, sse-ebs or sse-kms; the key is alias/aws/ebs or the ARN " +
			"of one",
		run: func(b *bench) {
			var out struct {
				On   string `xml:"ebsEncryptionByDefault"`
				Type string `xml:"sseType"`
			}
			b.read(&out, "GetEbsEncryptionByDefault")
			b.oneOf("ebsEncryptionByDefault", out.On, "true", "false")
			b.oneOf("sseType", out.Type, "none", "sse-ebs", "sse-kms")
			var key struct {
				ID string `xml:"kmsKeyId"`
			}
			b.read(&key, "GetEbsDefaultKmsKeyId")
			b.holds(key.ID == "alias/aws/ebs" || keyARN.MatchString(key.ID), "alias/aws/ebs, or a key's ARN", "%q", key.ID)
			b.observe("on: %s, type %s", out.On, out.Type)
		},
	},
	{
		ID: "account-metadata-defaults", Title: "Defaults of instance metadata", Confidence: Documented,
		Source: "EC2 API Reference, GetInstanceMetadataDefaults and InstanceMetadataDefaultsResponse",
		Rule: "The account's defaults say who manages them, and httpTokens and httpTokensEnforced only if they are set: " +
			"optional or required, enabled or disabled",
		run: func(b *bench) {
			var out struct {
				Account struct {
					Tokens    string `xml:"httpTokens"`
					Enforced  string `xml:"httpTokensEnforced"`
					ManagedBy string `xml:"managedBy"`
				} `xml:"accountLevel"`
			}
			b.read(&out, "GetInstanceMetadataDefaults")
			b.oneOf("managedBy", out.Account.ManagedBy, managers...)
			b.oneOf("httpTokens", out.Account.Tokens, "", "optional", "required")
			b.oneOf("httpTokensEnforced", out.Account.Enforced, "", "enabled", "disabled")
			b.observe("httpTokens %q, httpTokensEnforced %q", out.Account.Tokens, out.Account.Enforced)
		},
	},
	{
		ID: "account-images", Title: "Allowed images", Confidence: Documented,
		Source: "EC2 API Reference, GetAllowedImagesSettings; EC2 User Guide, ec2-allowed-amis",
		Rule: "Allowed images are disabled, enabled or audited, with criteria unless they are disabled; while they are " +
			"not enabled, Debian's images are shown",
		Needs: []string{"image"},
		run: func(b *bench) {
			var out struct {
				State     string   `xml:"state"`
				ManagedBy string   `xml:"managedBy"`
				Providers []string `xml:"imageCriterionSet>item>imageProviderSet>item"`
			}
			b.read(&out, "GetAllowedImagesSettings")
			b.oneOf("state", out.State, "disabled", "audit-mode", "enabled")
			b.oneOf("managedBy", out.ManagedBy, managers...)
			for _, p := range out.Providers {
				b.holds(regexp.MustCompile(`^([0-9]{12}|[a-z-]+)$`).MatchString(p), "a provider by account ID or alias", "%q", p)
			}
			if out.State != "enabled" {
				b.holds(len(must(b.DescribeImages(b.ctx,
					&ec2.DescribeImagesInput{ImageIds: []string{b.image()}}))(b).Images) == 1, "Debian's image", "none")
			}
			b.observe("state %s, %d providers", out.State, len(out.Providers))
		},
	},
	{
		ID: "account-public-access", Title: "VPC Block Public Access", Confidence: Documented,
		Source: "EC2 API Reference, VpcBlockPublicAccessOptions and BlockPublicAccessStates; VPC User Guide, " +
			"security-vpc-bpa",
		Rule: "The mode is off, block-ingress or block-bidirectional, in the account's region; a VPC that is not excluded " +
			"shows the same mode",
		run: func(b *bench) {
			var out struct {
				Options struct {
					Account    string `xml:"awsAccountId"`
					Region     string `xml:"awsRegion"`
					State      string `xml:"state"`
					Mode       string `xml:"internetGatewayBlockMode"`
					ManagedBy  string `xml:"managedBy"`
					Exclusions string `xml:"exclusionsAllowed"`
				} `xml:"vpcBlockPublicAccessOptions"`
			}
			b.read(&out, "DescribeVpcBlockPublicAccessOptions")
			o := out.Options
			b.holds(regexp.MustCompile(`^[0-9]{12}$`).MatchString(o.Account), "awsAccountId: 12 digits", "%q", o.Account)
			b.want("awsRegion", o.Region, b.cfg.Wire.Region)
			b.oneOf("state", o.State, "default-state", "update-in-progress", "update-complete")
			b.oneOf("internetGatewayBlockMode", o.Mode, "off", "block-bidirectional", "block-ingress")
			b.oneOf("managedBy", o.ManagedBy, managers...)
			b.oneOf("exclusionsAllowed", o.Exclusions, "allowed", "not-allowed")
			v := must(b.DescribeVpcs(b.ctx, &ec2.DescribeVpcsInput{VpcIds: []string{b.sites.main.vpc}}))(b).Vpcs[0]
			b.holds(v.BlockPublicAccessStates != nil, "the VPC shows blockPublicAccessStates", "none")
			b.want("the VPC's mode", string(v.BlockPublicAccessStates.InternetGatewayBlockMode), o.Mode)
			b.observe("state %s, mode %s", o.State, o.Mode)
		},
	},
	{
		ID: "default-vpc", Title: "The default VPC, or none", Confidence: Documented,
		Source: "VPC User Guide, default-vpc and default-subnet; EC2 API Reference, errors-overview: VPCIdNotSpecified",
		Rule: "A region has one default VPC, 172.31.0.0/16, with at most one default subnet in each zone, a /20; without " +
			"it a group that names no VPC is VPCIdNotSpecified",
		run: func(b *bench) {
			vpcs := must(b.DescribeVpcs(b.ctx, &ec2.DescribeVpcsInput{Filters: filters("is-default", "true")}))(b).Vpcs
			if len(vpcs) == 0 {
				_, err := b.CreateSecurityGroup(b.ctx, &ec2.CreateSecurityGroupInput{
					GroupName: aws.String("macaw-conform-" + NewRun()), Description: aws.String("macaw lab conform"),
					TagSpecifications: b.tags(types.ResourceTypeSecurityGroup)})
				b.wantCode(err, "a group without a VPC", "VPCIdNotSpecified")
				return
			}
			b.want("default VPCs", len(vpcs), 1)
			b.want("its range", aws.ToString(vpcs[0].CidrBlock), "172.31.0.0/16")
			b.defaultSubnets(aws.ToString(vpcs[0].VpcId))
			_, err := b.CreateVpc(b.ctx, &ec2.CreateVpcInput{DryRun: aws.Bool(true), CidrBlock: aws.String("172.31.0.0/16")})
			b.wantCode(err, "another VPC of the same range, with DryRun", "DryRunOperation")
		},
	},
}

// defaultSubnets checks those of the default VPC. Its owner may have changed what can be changed: that is
// observed.
func (b *bench) defaultSubnets(vpc string) {
	subnets := must(b.DescribeSubnets(b.ctx, &ec2.DescribeSubnetsInput{
		Filters: filters("vpc-id", vpc, "default-for-az", "true")}))(b).Subnets
	whole := netip.MustParsePrefix("172.31.0.0/16")
	var zones []string
	public := 0
	for _, s := range subnets {
		cidr := must(netip.ParsePrefix(aws.ToString(s.CidrBlock)))(b)
		b.holds(cidr.Bits() == 20 && whole.Contains(cidr.Addr()), "a default subnet is a /20 of 172.31.0.0/16", "%s", cidr)
		zone := aws.ToString(s.AvailabilityZone)
		b.holds(!slices.Contains(zones, zone), "one default subnet in "+zone, "two")
		zones = append(zones, zone)
		if aws.ToBool(s.MapPublicIpOnLaunch) {
			public++
		}
	}
	gateways := must(b.DescribeInternetGateways(b.ctx, &ec2.DescribeInternetGatewaysInput{
		Filters: filters("attachment.vpc-id", vpc)}))(b).InternetGateways
	b.observe("%d default subnets, %d of them with public addresses, %d Internet gateways", len(subnets), public,
		len(gateways))
}

// The quotas that Macaw asks for.
var quotas = map[string]string{
	"L-1216C47A": "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
	"L-0263D0A3": "EC2-VPC Elastic IPs",
}

const (
	quotaTarget = "ServiceQuotasV20190624.GetServiceQuota"
	keyTarget   = "TrentService.DescribeKey"
	priceTarget = "AWSPriceListService.GetProducts"
)

var serviceChecks = []Check{
	{
		ID: "quota", Title: "Service Quotas", Confidence: Documented,
		Source: "Service Quotas API Reference, GetServiceQuota; EC2 User Guide, ec2-on-demand-instances",
		Rule: "A quota has its code, name and value; one that does not exist, or of a service that does not, is " +
			"NoSuchResourceException with status 400",
		run: func(b *bench) {
			ask := func(service, quota string) (string, float64, error) {
				var out struct {
					Quota struct {
						QuotaCode, QuotaName string
						Value                *float64
					}
				}
				err := b.cfg.Wire.json(b.ctx, "servicequotas", quotaTarget,
					map[string]string{"ServiceCode": service, "QuotaCode": quota}, &out)
				if err != nil {
					return "", 0, err
				}
				b.want("the code", out.Quota.QuotaCode, quota)
				b.holds(out.Quota.Value != nil, quota+" has a value", "none")
				return out.Quota.QuotaName, *out.Quota.Value, nil
			}
			for quota, want := range quotas {
				name, value, err := ask("ec2", quota)
				b.need(err)
				b.want("the name of "+quota, name, want)
				b.observe("%s: %v", name, value)
			}
			_, _, err := ask("ec2", "L-00000000")
			b.wantStatus(err, 400, "a quota that does not exist", "NoSuchResourceException")
			_, _, err = ask("macaw-moon", "L-1216C47A")
			b.wantStatus(err, 400, "a service that does not exist", "NoSuchResourceException")
		},
	},
	{
		ID: "key-unknown", Title: "A key that does not exist", Confidence: Reported,
		Source: "KMS API Reference, DescribeKey: NotFoundException; boto/botocore, issue 2107, and cloudposse/docs, issue " +
			"152: the texts have the key's or the alias's ARN",
		Rule: "DescribeKey of a key or an alias that does not exist is NotFoundException with status 400, and names its ARN",
		run: func(b *bench) {
			for id, resource := range map[string]string{
				"00000000-0000-4000-8000-000000000000": "key/00000000-0000-4000-8000-000000000000",
				"alias/macaw-conform-" + b.cfg.Run:     "alias/macaw-conform-" + b.cfg.Run,
			} {
				var out struct{}
				err := b.cfg.Wire.json(b.ctx, "kms", keyTarget, map[string]string{"KeyId": id}, &out)
				b.wantStatus(err, 400, id, "NotFoundException")
				arn := regexp.MustCompile(`arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:` + resource)
				b.holds(arn.MatchString(err.Error()), "the text has the ARN …:"+resource, "%s", err)
			}
		},
	},
	{
		ID: "prices", Title: "The price of an instance type", Confidence: Inferred,
		Source: "Price List API Reference, GetProducts; Billing User Guide, reading-service-price-list-file: their form; " +
			"that the six filters leave one product follows from the list's columns",
		Rule: "Region, type, system, software, tenancy and capacity name one product with one On-Demand price by the hour; " +
			"an unknown type has none, and an unknown format is InvalidParameterException",
		run: func(b *bench) {
			if strings.HasPrefix(b.cfg.Wire.Region, "cn-") || strings.HasPrefix(b.cfg.Wire.Region, "us-gov-") {
				b.skip("the Price List API of the partition aws is not for accounts of others")
			}
			all := b.products(string(machineType), "aws_v1")
			b.want("products of "+string(machineType), len(all), 1)
			b.want("terms", len(all[0].Terms.OnDemand), 1)
			for _, term := range all[0].Terms.OnDemand {
				b.want("prices", len(term.PriceDimensions), 1)
				for _, price := range term.PriceDimensions {
					b.want("the unit", price.Unit, "Hrs")
					b.holds(regexp.MustCompile(`^0\.0*[1-9][0-9]*$`).MatchString(price.PricePerUnit["USD"]), "a price below 1 USD",
						"%q", price.PricePerUnit["USD"])
					b.observe("%s costs %s USD an hour", machineType, price.PricePerUnit["USD"])
				}
			}
			b.want("products of moon.large", len(b.products("moon.large", "aws_v1")), 0)
			_, err := b.tryProducts(string(machineType), "moon_v1")
			b.wantStatus(err, 400, "an unknown format", "InvalidParameterException")
		},
	},
}

// product is a line of the price list.
type product struct {
	Terms struct {
		OnDemand map[string]struct {
			PriceDimensions map[string]struct {
				Unit         string
				PricePerUnit map[string]string
			}
		}
	}
}

func (b *bench) products(instanceType, format string) []product {
	return must(b.tryProducts(instanceType, format))(b)
}

func (b *bench) tryProducts(instanceType, format string) ([]product, error) {
	type filter struct{ Type, Field, Value string }
	in := struct {
		ServiceCode, FormatVersion string
		Filters                    []filter
	}{ServiceCode: "AmazonEC2", FormatVersion: format}
	for _, f := range [][2]string{{"regionCode", b.cfg.Wire.Region}, {"instanceType", instanceType},
		{"operatingSystem", "Linux"}, {"preInstalledSw", "NA"}, {"tenancy", "Shared"}, {"capacitystatus", "Used"}} {
		in.Filters = append(in.Filters, filter{"TERM_MATCH", f[0], f[1]})
	}
	var out struct{ PriceList []string }
	if err := b.cfg.Wire.json(b.ctx, "pricing", priceTarget, in, &out); err != nil {
		return nil, err
	}
	var all []product
	for _, line := range out.PriceList {
		var p product
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			return nil, fmt.Errorf("reading a product: %w", err)
		}
		all = append(all, p)
	}
	return all, nil
}

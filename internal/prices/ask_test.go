// SPDX-License-Identifier: Apache-2.0

package prices

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/pricing"
	"github.com/aws/aws-sdk-go-v2/service/pricing/types"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/hint"
	"macaw.example/lab/labtest"
)

const region = "eu-north-1"

func lister(cfg aws.Config) *pricing.Client {
	cfg.APIOptions = awsapi.Options
	return pricing.NewFromConfig(cfg, func(o *pricing.Options) { o.Region = Endpoint })
}

// The real client reads the lab's list, which has six products for a type, one of them for 0.
func TestLabAsk(t *testing.T) {
	api := labtest.NewAPI(t, labtest.APIOptions{Region: region})
	day := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	table, err := Ask(context.Background(), lister(api.Config()), region, []string{"t3.xlarge", GP3, "m9i.xlarge",
		NATGateway, NATGatewayGB}, day, Default())
	if err != nil {
		t.Fatal(err)
	}
	for item, want := range map[string]float64{"t3.xlarge": 4*0.03 + 16*0.004, GP3: 0.07, PublicIPv4: 0.005,
		NATGateway:   0.04,
		NATGatewayGB: 0.03} {
		usd, from, _ := table.find(region, item)
		if math.Abs(usd-want) > 1e-9 || (item != PublicIPv4) != (from.Name == "AWS's price list of 2026-11-30") {
			t.Errorf("%s costs %v (%s), want %v", item, usd, from.Name, want)
		}
	}
	if usd, _, ok := table.find(region, "m9i.xlarge"); ok {
		t.Errorf("a type that AWS does not list costs %v", usd)
	}
	if _, err := Ask(context.Background(), lister(api.Config()), "cn-north-1", nil, day, nil); err == nil {
		t.Error("China's prices are those of another list")
	}
}

// Without enough filters there are several prices: an error, not one of them.
func TestSeveralPrices(t *testing.T) {
	api := labtest.NewAPI(t, labtest.APIOptions{Region: region})
	_, err := ask(context.Background(), forgetful{lister(api.Config())}, region, "t3.xlarge")
	if err == nil || !strings.Contains(err.Error(), "several prices") {
		t.Errorf("%v", err)
	}
}

// forgetful drops the filter of the operating system.
type forgetful struct{ Lister }

func (f forgetful) GetProducts(ctx context.Context, in *pricing.GetProductsInput, o ...func(*pricing.Options)) (
	*pricing.GetProductsOutput, error) {
	short := *in
	short.MaxResults = aws.Int32(1) // pages of one
	short.Filters = nil
	for _, filter := range in.Filters {
		if aws.ToString(filter.Field) != "operatingSystem" {
			short.Filters = append(short.Filters, filter)
		}
	}
	return f.Lister.GetProducts(ctx, &short, o...)
}

func TestNoRightToAsk(t *testing.T) {
	ctx, api := context.Background(), labtest.NewAPI(t, labtest.APIOptions{Region: region})
	cfg := api.Config()
	root := iam.NewFromConfig(cfg)
	name := aws.String("nobody")
	if _, err := root.CreateUser(ctx, &iam.CreateUserInput{UserName: name}); err != nil {
		t.Fatal(err)
	}
	key, err := root.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: name})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: *key.AccessKey.AccessKeyId, SecretAccessKey: *key.AccessKey.SecretAccessKey}, nil
	})
	_, err = Ask(ctx, lister(cfg), region, []string{GP3}, time.Now(), nil)
	if err == nil || !strings.Contains(strings.Join(hint.All(err), "\n"), "pricing:GetProducts") {
		t.Errorf("%v: %q", err, hint.All(err))
	}
}

// Calls that AWS refuses.
func TestLabRefuses(t *testing.T) {
	api := lister(labtest.NewAPI(t, labtest.APIOptions{Region: region}).Config())
	filter := types.Filter{Type: types.FilterTypeTermMatch, Field: aws.String("volumeApiName"), Value: aws.String(GP3)}
	for code, in := range map[string]*pricing.GetProductsInput{
		"InvalidParameterException": {ServiceCode: aws.String("AmazonEC2"), MaxResults: aws.Int32(101)},
		"InvalidNextTokenException": {ServiceCode: aws.String("AmazonEC2"), NextToken: aws.String("x")},
	} {
		in.Filters = []types.Filter{filter}
		_, err := api.GetProducts(context.Background(), in)
		if awsapi.Code(err) != code {
			t.Errorf("%v, want %s", err, code)
		}
	}
}

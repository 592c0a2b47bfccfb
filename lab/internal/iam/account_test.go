// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	ec2sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	iamsdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"macaw.example/lab/internal/ec2"
	"macaw.example/lab/internal/iam"
)

var root = iam.Key{ID: "AKIAROOTROOTROOTROOT", Secret: "secret"}

const (
	trustEC2 = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	allowEC2 = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}`
)

func trustAWS(principal string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + principal +
		`"},"Action":"sts:AssumeRole"}]}`
}

// clock is set by hand, ahead of the time that the SDK signs with.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// account is an IAM behind the endpoint that also serves EC2.
type account struct {
	*iamsdk.Client
	t     *testing.T
	ctx   context.Context
	store *iam.Store
	clock *clock
	url   string
	file  string
}

func newAccount(t *testing.T) *account {
	t.Helper()
	a := &account{t: t, ctx: context.Background(), clock: &clock{}, file: filepath.Join(t.TempDir(), "iam.json")}
	a.open()
	return a
}

// open opens the account from its file, as a restarted daemon does.
func (a *account) open() {
	a.t.Helper()
	log := slog.New(slog.DiscardHandler)
	store, err := iam.Open(iam.Config{File: a.file, Root: root, Now: a.clock.now, Log: log, InstanceSession: time.Hour})
	if err != nil {
		a.t.Fatal(err)
	}
	state, err := ec2.Open(ec2.Config{Machines: noMachines{}, Log: log})
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(state.Close)
	server := httptest.NewServer(ec2.NewServer(state, store))
	a.t.Cleanup(server.Close)
	a.store, a.url = store, server.URL
	a.Client = a.as(root.ID, root.Secret, "")
}

type noMachines struct{ ec2.Machines }

func (a *account) config(id, secret, token string) aws.Config {
	return aws.Config{Region: "us-east-1", BaseEndpoint: &a.url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, token)}
}

func (a *account) as(id, secret, token string) *iamsdk.Client {
	return iamsdk.NewFromConfig(a.config(id, secret, token))
}

func (a *account) sts(id, secret, token string) *sts.Client {
	return sts.NewFromConfig(a.config(id, secret, token))
}

func (a *account) ec2(id, secret, token string) *ec2sdk.Client {
	return ec2sdk.NewFromConfig(a.config(id, secret, token))
}

// must returns the result of a call that has to succeed.
func must[T any](v T, err error) func(*account) T {
	return func(a *account) T {
		a.t.Helper()
		if err != nil {
			a.t.Fatal(err)
		}
		return v
	}
}

func (a *account) wantCode(err error, want string) {
	a.t.Helper()
	got := ""
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		got = api.ErrorCode()
	} else if err != nil {
		got = err.Error()
	}
	if got != want {
		a.t.Errorf("the call ends in %q (%v), want %q", got, err, want)
	}
}

func (a *account) role(name, trust string) string {
	a.t.Helper()
	return *must(a.CreateRole(a.ctx,
		&iamsdk.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust}))(a).Role.Arn
}

// user makes a user with at most one policy, and returns the user's key.
func (a *account) user(name, document string) (id, secret string) {
	a.t.Helper()
	must(a.CreateUser(a.ctx, &iamsdk.CreateUserInput{UserName: &name}))(a)
	if document != "" {
		must(a.PutUserPolicy(a.ctx, &iamsdk.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("p"),
			PolicyDocument: &document}))(a)
	}
	k := must(a.CreateAccessKey(a.ctx, &iamsdk.CreateAccessKeyInput{UserName: &name}))(a).AccessKey
	return *k.AccessKeyId, *k.SecretAccessKey
}

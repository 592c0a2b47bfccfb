// SPDX-License-Identifier: Apache-2.0

// Package awscli tests the lab's API with Debian's AWS command line, an independent
// client: it checks that the lab understands its requests and that it shows the same output
// as with AWS.
package awscli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/pquerna/otp/totp"
	"github.com/rogpeppe/go-internal/testscript"

	"macaw.example/lab/labtest"
)

const awscli = "/usr/bin/aws"

// globals are the arguments of every command: no configuration, no pager, and no retries,
// so that errors appear as the lab sent them.
func globals(endpoint string) []string {
	return []string{"--endpoint-url", endpoint, "--region", region, "--output", "json", "--no-cli-pager"}
}

// cli is a running AWS command line.
type cli struct {
	in      io.WriteCloser
	answers *bufio.Reader
}

func startCLI(folder, endpoint string) (*cli, func(), error) {
	// Debian's Python without locally installed packages.
	cmd := exec.Command("/usr/bin/python3", "-I", filepath.Join("testdata", "awscli.py"))
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + folder, "LANG=C.UTF-8", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_MAX_ATTEMPTS=1"}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	stop := func() {
		in.Close()
		_ = cmd.Wait() // it exits at the end of its input
	}
	return &cli{in, bufio.NewReader(out)}, stop, nil
}

// run runs a command and returns its output and exit status.
func (c *cli) run(folder string, as map[string]string, args []string) (stdout, stderr string, status int, err error) {
	files := [2]string{filepath.Join(folder, ".stdout"), filepath.Join(folder, ".stderr")}
	order, err := json.Marshal(map[string]any{"args": args, "stdout": files[0], "stderr": files[1], "folder": folder,
		"credentials": as})
	if err != nil {
		return "", "", 0, err
	}
	if _, err := fmt.Fprintf(c.in, "%s\n", order); err != nil {
		return "", "", 0, err
	}
	line, err := c.answers.ReadString('\n')
	if err != nil {
		return "", "", 0, fmt.Errorf("waiting for the AWS command line: %w", err)
	}
	if status, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		return "", "", 0, err
	}
	var printed [2]string
	for i, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return "", "", 0, err
		}
		printed[i] = string(b)
	}
	return printed[0], printed[1], status, nil
}

// session is the environment of a script's commands.
type session struct {
	*cli
	endpoint string
	refusal  string            // what the last command wrote to stderr
	last     string            // the last command's output, as JSON
	as       map[string]string // credentials, as environment variables
}

type sessionKey struct{}

func sessionOf(ts *testscript.TestScript) *session { return ts.Value(sessionKey{}).(*session) }

// aws runs a command of the AWS command line. With ! it must fail, and the first argument
// is the expected error code:
//
//	aws ec2 describe-vpcs ...
func aws(ts *testscript.TestScript, neg bool, args []string) {
	want := ""
	if neg {
		want, args = args[0], args[1:]
	}
	s := sessionOf(ts)
	stdout, stderr, status, err := s.run(ts.Getenv("WORK"), s.as, append(globals(s.endpoint), args...))
	ts.Check(err)
	s.last, s.refusal = stdout, stderr
	fmt.Fprint(ts.Stdout(), stdout)
	fmt.Fprint(ts.Stderr(), stderr)
	// The command line's exit statuses: 254 is an error from the service, 252 an invalid
	// command, 253 an invalid configuration (AWS CLI User Guide, cli-usage-returncodes).
	switch {
	case !neg && status != 0:
		ts.Fatalf("aws %s: status %d: %s", strings.Join(args, " "), status, stderr)
	case neg && (status != 254 || !strings.Contains(stderr, "An error occurred ("+want+") when calling the ")):
		ts.Fatalf("aws %s: status %d, want 254 and %s: %s%s", strings.Join(args, " "), status, want, stdout, stderr)
	}
}

// id puts a command's --query result into a variable:
//
//	id VPC Vpc.VpcId ec2 create-vpc ...
func id(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: id VARIABLE QUERY ARGUMENT...")
	}
	aws(ts, false, append(args[2:], "--query", args[1]))
	var value string
	if err := json.Unmarshal([]byte(sessionOf(ts).last), &value); err != nil || value == "" {
		ts.Fatalf("%s selects no text", args[1])
	}
	ts.Setenv(args[0], value)
}

// is compares a command's --query result with a JSON value. It retries for some time:
// machines apply changes asynchronously.
//
//	is Vpcs[0].State "available" ec2 describe-vpcs ...
func is(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: is QUERY JSON ARGUMENT...")
	}
	var want any
	ts.Check(json.Unmarshal([]byte(args[1]), &want))
	var got string
	for range 100 {
		aws(ts, false, append(args[2:], "--query", args[0]))
		got = sessionOf(ts).last
		var seen any
		ts.Check(json.Unmarshal([]byte(got), &seen))
		if equal(seen, want) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("%s is %s, want %s", args[0], strings.TrimSpace(got), args[1])
}

// credentials takes credentials from the last command's output, by their paths, for the
// following commands; without paths it restores the operator's.
func credentials(ts *testscript.TestScript, neg bool, args []string) {
	s := sessionOf(ts)
	if len(args) == 0 {
		s.as = operator()
		return
	}
	var printed any
	ts.Check(json.Unmarshal([]byte(s.last), &printed))
	s.as = map[string]string{}
	for i, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		at := printed
		for part := range strings.SplitSeq(args[i], ".") {
			object, _ := at.(map[string]any)
			at = object[part]
		}
		if value, ok := at.(string); ok {
			s.as[name] = value
		}
	}
}

func operator() map[string]string {
	return map[string]string{"AWS_ACCESS_KEY_ID": labtest.AccessKey, "AWS_SECRET_ACCESS_KEY": labtest.SecretKey}
}

// codes sets $CODE1 to $CODE5 to consecutive codes of an MFA device whose seed is in a file: the second is
// that of now.
func codes(ts *testscript.TestScript, neg bool, args []string) {
	seed, now := strings.TrimSpace(ts.ReadFile(args[0])), time.Now()
	for n := range 5 {
		code, err := totp.GenerateCode(seed, now.Add(time.Duration(n-1)*30*time.Second))
		ts.Check(err)
		ts.Setenv(fmt.Sprintf("CODE%d", n+1), code)
	}
}

// encoded takes the encoded message of the last command's refusal into $MESSAGE.
func encoded(ts *testscript.TestScript, neg bool, args []string) {
	_, message, ok := strings.Cut(sessionOf(ts).refusal, "Encoded authorization failure message: ")
	if !ok {
		ts.Fatalf("the last command was refused without an encoded message")
	}
	ts.Setenv("MESSAGE", strings.TrimSpace(message))
}

// half sets $NET to the network part of an IPv6 block: 2001:db8:1::/56 gives 2001:db8:1.
func half(ts *testscript.TestScript, neg bool, args []string) {
	network, _, _ := strings.Cut(args[0], "::")
	ts.Setenv("NET", network)
}

func equal(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// newerActions calls, with AWS's SDK for Go, the actions that Debian's command line, of
// January 2023, does not have. Any other action needs a script. It also lists all instance
// types, which takes the command line long.
func newerActions(t *testing.T, seen *recorder) {
	t.Helper()
	api := labtest.NewAPI(t, labtest.APIOptions{Region: region})
	cfg := api.Config()
	cfg.HTTPClient = labtest.Direct{Handler: seen.note(api)}
	client, ctx := ec2.NewFromConfig(cfg), t.Context()
	for p := ec2.NewDescribeInstanceTypesPaginator(client, nil); p.HasMorePages(); {
		if _, err := p.NextPage(ctx); err != nil {
			t.Fatal(err)
		}
	}
	_, err1 := client.DescribeVpcBlockPublicAccessExclusions(ctx, nil)
	_, err2 := client.DescribeVpcBlockPublicAccessOptions(ctx, nil)
	_, err3 := client.GetAllowedImagesSettings(ctx, nil)
	_, err4 := client.GetInstanceMetadataDefaults(ctx, nil)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	vpc, err := client.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: ptr("10.0.0.0/16")})
	if err != nil {
		t.Fatal(err)
	}
	subnet, err := client.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: vpc.Vpc.VpcId, CidrBlock: ptr("10.0.1.0/24")})
	if err != nil {
		t.Fatal(err)
	}
	run, err := client.RunInstances(ctx, &ec2.RunInstancesInput{ImageId: &api.Image, InstanceType: "m8i.large",
		SubnetId: subnet.Subnet.SubnetId, MinCount: ptr(int32(1)), MaxCount: ptr(int32(1))})
	if err != nil {
		t.Fatal(err)
	}
	id := run.Instances[0].InstanceId
	described := &ec2.DescribeInstancesInput{InstanceIds: []string{*id}}
	if err := ec2.NewInstanceRunningWaiter(client, quick).Wait(ctx, described, time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := client.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{*id}}); err != nil {
		t.Fatal(err)
	}
	if err := ec2.NewInstanceStoppedWaiter(client, quickStop).Wait(ctx, described, time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := client.ModifyInstanceCpuOptions(ctx,
		&ec2.ModifyInstanceCpuOptionsInput{InstanceId: id, NestedVirtualization: "enabled"}); err != nil {
		t.Fatal(err)
	}
}

func ptr[T any](v T) *T { return &v }

func quick(o *ec2.InstanceRunningWaiterOptions) {
	o.MinDelay, o.MaxDelay = time.Millisecond, 50*time.Millisecond
}

func quickStop(o *ec2.InstanceStoppedWaiterOptions) {
	o.MinDelay, o.MaxDelay = time.Millisecond, 50*time.Millisecond
}

func TestAWSCommandLine(t *testing.T) {
	if _, err := os.Stat(awscli); err != nil {
		t.Skipf("%s is not there (apt-get install awscli): %v", awscli, err)
	}
	seen := &recorder{models: models(t), calls: map[string]int{}, faults: faults{}}
	t.Run("script", func(t *testing.T) {
		testscript.Run(t, testscript.Params{
			Dir: "testdata",
			Setup: func(env *testscript.Env) error {
				api := labtest.NewAPI(t, labtest.APIOptions{Region: region})
				server := httptest.NewServer(seen.note(api))
				env.Defer(server.Close)
				endpoint := server.URL
				c, end, err := startCLI(env.WorkDir, endpoint)
				if err != nil {
					return err
				}
				env.Defer(end)
				env.Values[sessionKey{}] = &session{cli: c, endpoint: endpoint, as: operator()}
				return nil
			},
			Cmds: map[string]func(*testscript.TestScript, bool, []string){"aws": aws, "id": id, "is": is,
				"credentials": credentials, "encoded": encoded, "half": half, "codes": codes},
		})
	})
	newerActions(t, seen)
	identityCenter(t, seen)
	seen.wantFaultless(t)
	if t.Failed() {
		return // a script that ended early has not made all of its calls
	}
	seen.wantAll(t)
}

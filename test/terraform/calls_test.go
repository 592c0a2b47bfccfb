// SPDX-License-Identifier: Apache-2.0

package terraform

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"macaw.example/lab/labtest"
)

// A call is a line of testdata/calls.txt: the status that was answered and the request,
// with names for the IDs in it, such as $vpc-1. A line that begins with a tab follows if
// the answer had new IDs: the names of all IDs in it, in the order of [idsIn].
type call struct {
	line    int
	status  string
	request string
	ids     []string
}

func readCalls(t *testing.T) []call {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "calls.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var calls []call
	for i, line := range strings.Split(strings.TrimRight(string(text), "\n"), "\n") {
		if ids, ok := strings.CutPrefix(line, "\t"); ok {
			calls[len(calls)-1].ids = strings.Fields(ids)
			continue
		}
		status, request, _ := strings.Cut(line, " ")
		calls = append(calls, call{line: i + 1, status: status, request: request})
	}
	return calls
}

// id matches the IDs that the lab makes up: EC2's, and IAM's access keys.
var id = regexp.MustCompile(`\b(?:[a-z]+-)+[0-9a-f]{17}\b|\bAKIA[A-Z2-7]{16}\b`)

// An element is one of an answer.
type element struct {
	Text     string    `xml:",chardata"`
	Children []element `xml:",any"`
}

// volatile matches what differs from run to run: IDs, times, MAC addresses.
var volatile = regexp.MustCompile(id.String() + `|\d{4}-\d\d-\d\dT[0-9:.]+Z|[0-9a-f]{2}(?::[0-9a-f]{2}){5}`)

// text is that of an element and all in it, without what is volatile. It sorts the children
// of each element by it: those of a list are ordered by their IDs, which are random.
func (e element) text() string {
	texts := make([]string, len(e.Children))
	order := make([]int, len(e.Children))
	for i, child := range e.Children {
		texts[i], order[i] = child.text(), i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(texts[a], texts[b]) })
	children := slices.Clone(e.Children)
	for i, from := range order {
		e.Children[i] = children[from]
	}
	slices.Sort(texts)
	return volatile.ReplaceAllString(e.Text, "") + "<" + strings.Join(texts, "") + ">"
}

func (e element) collect(ids *[]string) {
	for _, found := range id.FindAllString(e.Text, -1) {
		if !slices.Contains(*ids, found) {
			*ids = append(*ids, found)
		}
	}
	for _, child := range e.Children {
		child.collect(ids)
	}
}

// idsIn are the IDs in an answer, each once, in an order that depends on everything but
// the IDs.
func idsIn(answer []byte) ([]string, error) {
	var e element
	if err := xml.Unmarshal(answer, &e); err != nil {
		return nil, err
	}
	e.text()
	var ids []string
	e.collect(&ids)
	return ids, nil
}

// TestCalls makes the calls that Terraform's AWS provider made, and wants the same
// statuses.
func TestCalls(t *testing.T) {
	api := labtest.NewAPI(t, labtest.APIOptions{})
	known := map[string]string{} // IDs by their names
	for _, c := range readCalls(t) {
		request := replaceNames(c.request, known)
		body, err := c.again(t.Context(), api, request)
		if err != nil {
			t.Fatalf("testdata/calls.txt:%d: %v\n%s\n%s", c.line, err, request, body)
		}
		if len(c.ids) == 0 {
			continue
		}
		ids, err := idsIn(body)
		if err != nil || len(ids) != len(c.ids) {
			t.Fatalf("testdata/calls.txt:%d: the answer has %d IDs, want %d (%v): %s\n%s", c.line, len(ids), len(c.ids), err,
				request, body)
		}
		for i, name := range c.ids {
			if _, ok := known[name]; !ok {
				known[name] = ids[i]
			}
		}
	}
}

var name = regexp.MustCompile(`\$[A-Za-z]+(?:-[a-z]+)*-\d+`)

func replaceNames(request string, known map[string]string) string {
	return name.ReplaceAllStringFunc(request, func(n string) string { return known[n[1:]] })
}

// again makes a call until it has the status that was recorded: states change a moment
// after the call that changes them.
func (c call) again(ctx context.Context, api *labtest.API, request string) ([]byte, error) {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		status, body, err := send(ctx, api, request)
		if err != nil || status == c.status {
			return body, err
		}
		if time.Now().After(deadline) {
			return body, fmt.Errorf("status %s, want %s", status, c.status)
		}
	}
}

// services are the APIs by the version in a request.
var services = map[string]string{"2016-11-15": "ec2", "2010-05-08": "iam", "2011-06-15": "sts"}

// send signs and makes a call.
func send(ctx context.Context, api *labtest.API, request string) (status string, body []byte, err error) {
	form, err := url.ParseQuery(request)
	if err != nil {
		return "", nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://lab/", strings.NewReader(request))
	if err != nil {
		return "", nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	sum := sha256.Sum256([]byte(request))
	credentials := aws.Credentials{AccessKeyID: labtest.AccessKey, SecretAccessKey: labtest.SecretKey}
	err = v4.NewSigner().SignHTTP(ctx, credentials, r, hex.EncodeToString(sum[:]), services[form.Get("Version")],
		"us-east-1", time.Now())
	if err != nil {
		return "", nil, err
	}
	answer, err := labtest.Direct{Handler: api}.Do(r)
	if err != nil {
		return "", nil, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	return fmt.Sprint(answer.StatusCode), bytes.TrimSpace(body), err
}

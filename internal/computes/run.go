// SPDX-License-Identifier: Apache-2.0

package computes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/renameio/v2"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/drain"
	"macaw.example/internal/neutron"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/smallfile"
)

// LoadConfig reads a configuration.
func LoadConfig(path string) (c nodeapi.Computes, err error) {
	return c, readJSON(path, "the list of compute nodes", &c)
}

func readJSON(path, what string, into any) error {
	text, err := smallfile.Read(path)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("reading %s %s: %w", what, path, err)
	}
	return nil
}

// Run keeps an eye on a cloud's compute nodes, on its controller, until ctx is done. auth is the administrator's.
func Run(ctx context.Context, c nodeapi.Computes, auth neutron.Auth, log *slog.Logger) error {
	k := &keeper{
		spot:    slices.Sorted(maps.Keys(c.Spot)),
		notices: asker(c.Spot, &http.Transport{DisableKeepAlives: true}),
		nova:    opener(auth),
		keep:    keepFollowed,
		log:     log,
	}
	if e := c.Evacuate; e != nil {
		k.instances = finder(ec2.NewFromConfig(awsapi.NodeConfig(e.Region)), e.Cloud)
	}
	err := readJSON(nodeapi.ComputesState, "which rebalance recommendations have been followed from", &k.seen.followed)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("state file unreadable; starting empty", "error", err)
		k.seen.followed = nil
	}
	return k.run(ctx)
}

func keepFollowed(followed map[string]time.Time) error {
	text, err := json.Marshal(followed)
	if err != nil {
		return err
	}
	return renameio.WriteFile(nodeapi.ComputesState, append(text, '\n'), 0o644)
}

// opener returns a function that logs in once.
func opener(auth neutron.Auth) func(context.Context) (drain.Nova, error) {
	var mu sync.Mutex
	var nova drain.Nova
	return func(ctx context.Context) (drain.Nova, error) {
		mu.Lock()
		defer mu.Unlock()
		if nova != nil {
			return nova, nil
		}
		ctx, cancel := context.WithTimeout(ctx, deadWithin)
		defer cancel()
		s, err := neutron.LogIn(ctx, auth, 0)
		if err != nil {
			return nil, err
		}
		nova, err = drain.Open(s)
		return nova, err
	}
}

// asker returns a function that asks the units of Spot Instances.
func asker(at map[string]netip.AddrPort, transport http.RoundTripper) func(
	context.Context, string,
) (nodeapi.SpotNotices, error) {
	client := &http.Client{Transport: transport}
	return func(ctx context.Context, node string) (n nodeapi.SpotNotices, err error) {
		url := "http://" + at[node].String() + nodeapi.SpotPath
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return n, err
		}
		res, err := client.Do(req)
		if err != nil {
			return n, err
		}
		defer res.Body.Close()
		const most = 1 << 16
		if res.StatusCode != http.StatusOK {
			text, _ := io.ReadAll(io.LimitReader(res.Body, 500))
			return n, fmt.Errorf("asking %s: %s: %s", url, res.Status, text)
		}
		if err := json.NewDecoder(io.LimitReader(res.Body, most)).Decode(&n); err != nil {
			return n, fmt.Errorf("reading the answer of %s: %w", url, err)
		}
		return n, nil
	}
}

// finder returns a function that asks EC2 for the instances of a cloud's nodes.
func finder(api ec2.DescribeInstancesAPIClient, cloud string) func(
	context.Context, []string,
) (map[string][]instance, error) {
	return func(ctx context.Context, nodes []string) (map[string][]instance, error) {
		var parts []string
		for _, n := range nodes {
			parts = append(parts, awsapi.InstancePart(n))
		}
		all := map[string][]instance{}
		for batch := range slices.Chunk(parts, maxFilterValues) {
			in := &ec2.DescribeInstancesInput{Filters: []types.Filter{
				awsapi.ByTag(awsapi.TagCloud, cloud), awsapi.ByTag(awsapi.TagPart, batch...),
			}}
			found, err := awsapi.Collect(ctx, ec2.NewDescribeInstancesPaginator(api, in), instancesOf)
			if err != nil {
				return nil, fmt.Errorf("asking EC2 for the instances of %v: %w", nodes, err)
			}
			for _, i := range found {
				all[i.node] = append(all[i.node], i.instance)
			}
		}
		return all, nil
	}
}

// maxFilterValues is how many values a filter may have (EC2 API Reference, Filter).
const maxFilterValues = 200

type nodeInstance struct {
	node string
	instance
}

func instancesOf(out *ec2.DescribeInstancesOutput) (all []nodeInstance) {
	for _, r := range out.Reservations {
		for _, i := range r.Instances {
			for _, t := range i.Tags {
				if aws.ToString(t.Key) == awsapi.TagPart {
					node := aws.ToString(t.Value)[len(awsapi.InstancePart("")):]
					all = append(all, nodeInstance{node, instance{aws.ToString(i.InstanceId), string(i.State.Name)}})
				}
			}
		}
	}
	return all
}

// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"reflect"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
)

// list queries a collection, with only those attributes that T has a field for, and calls each with
// one element after the other. The library would hold a page in three forms at once; a network can
// have ten thousand ports, and a gateway node's memory is for guests.
func list[T any](ctx context.Context, api *gophercloud.ServiceClient, path string, query url.Values,
	each func(T) error) error {
	q := url.Values{"fields": fields[T]()}
	for k, v := range query {
		q[k] = v
	}
	collection := strings.ReplaceAll(path[strings.LastIndex(path, "/")+1:], "-", "_")
	for next := api.ServiceURL(path) + "?" + q.Encode(); next != ""; {
		resp, err := api.Get(ctx, next, nil, &gophercloud.RequestOpts{KeepResponseBody: true})
		if err != nil {
			return err
		}
		next, err = decode(resp.Body, collection, each)
		resp.Body.Close()
		if err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
	}
	return nil
}

// fields returns the names of T's fields in JSON.
func fields[T any]() []string {
	var names []string
	for f := range reflect.TypeFor[T]().Fields() {
		names = append(names, f.Tag.Get("json"))
	}
	return names
}

// decode parses {"collection": [...], "collection_links": [...]} and returns the address of the
// next page: servers with pagination_max_limit return pages.
func decode[T any](r io.Reader, collection string, each func(T) error) (next string, err error) {
	d := json.NewDecoder(r)
	if err := open(d, '{'); err != nil {
		return "", err
	}
	found := false
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return "", err
		}
		switch name {
		case collection:
			if err := open(d, '['); err != nil {
				return "", err
			}
			found = true
			var v T // one for all: it escapes
			for d.More() {
				v = *new(T)
				if err := d.Decode(&v); err != nil {
					return "", err
				}
				if err := each(v); err != nil {
					return "", err
				}
			}
			if _, err := d.Token(); err != nil {
				return "", err
			}
		case collection + "_links":
			var links []gophercloud.Link
			if err := d.Decode(&links); err != nil {
				return "", err
			}
			if next, err = gophercloud.ExtractNextURL(links); err != nil {
				return "", err
			}
		default:
			var skipped json.RawMessage
			if err := d.Decode(&skipped); err != nil {
				return "", err
			}
		}
	}
	if _, err = d.Token(); err != nil { // a truncated response is an error
		return "", err
	}
	if !found { // or a response from a proxy
		return "", fmt.Errorf("it has no %s", collection)
	}
	return next, nil
}

func open(d *json.Decoder, bracket json.Delim) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	if t != bracket {
		return fmt.Errorf("%v where %v should be", t, bracket)
	}
	return nil
}

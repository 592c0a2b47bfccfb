// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// members is a list in IAM's form: <Xs><member>..</member></Xs>.
type members[T any] struct {
	Items []T `xml:"member"`
}

func membersOf[K, T any](keys []K, render func(K) T) members[T] {
	m := members[T]{Items: []T{}}
	for _, k := range keys {
		m.Items = append(m.Items, render(k))
	}
	return m
}

type tagXML struct{ Key, Value string }

func tagsXML(tags map[string]string) members[tagXML] {
	return membersOf(slices.Sorted(maps.Keys(tags)), func(k string) tagXML { return tagXML{k, tags[k]} })
}

// optional omits an empty list.
func optional[T any](m members[T]) *members[T] {
	if len(m.Items) == 0 {
		return nil
	}
	return &m
}

func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// escaped is a document as IAM returns it: URL-encoded by RFC 3986 (IAM API Reference,
// GetRolePolicy).
func escaped(document string) string {
	return strings.ReplaceAll(url.QueryEscape(document), "+", "%20")
}

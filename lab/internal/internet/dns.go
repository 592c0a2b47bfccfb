// SPDX-License-Identifier: Apache-2.0

package internet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// Lookup resolves the names of the Internet's hosts; name ends in a dot.
func Lookup(name string) (netip.Addr, bool) {
	name = strings.ToLower(name)
	if isService(name) {
		return AWS, true
	}
	a, ok := names[name]
	return a, ok
}

// ServeDNS answers queries for A and AAAA records over UDP (RFC 1035) until ctx ends. If
// lookup does not know a name, the answer is NXDOMAIN.
func ServeDNS(ctx context.Context, conn net.PacketConn, lookup func(name string) (netip.Addr, bool)) error {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		if reply, err := answer(buf[:n], lookup); err == nil {
			// An unsent reply is equivalent to a lost one.
			_, _ = conn.WriteTo(reply, from)
		}
	}
}

func answer(query []byte, lookup func(string) (netip.Addr, bool)) ([]byte, error) {
	var p dnsmessage.Parser
	h, err := p.Start(query)
	if err != nil {
		return nil, err
	}
	q, err := p.Question()
	if err != nil {
		return nil, err
	}
	addr, known := lookup(q.Name.String())
	reply := dnsmessage.Header{ID: h.ID, Response: true, OpCode: h.OpCode, RecursionDesired: h.RecursionDesired,
		RecursionAvailable: true}
	if !known {
		reply.RCode = dnsmessage.RCodeNameError
	}
	b := dnsmessage.NewBuilder(nil, reply)
	b.EnableCompression()
	if err := b.StartQuestions(); err != nil {
		return nil, err
	}
	if err := b.Question(q); err != nil {
		return nil, err
	}
	if err := b.StartAnswers(); err != nil {
		return nil, err
	}
	resource := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60}
	switch {
	case known && q.Type == dnsmessage.TypeA && addr.Is4():
		err = b.AResource(resource, dnsmessage.AResource{A: addr.As4()})
	case known && q.Type == dnsmessage.TypeAAAA && addr.Is6():
		err = b.AAAAResource(resource, dnsmessage.AAAAResource{AAAA: addr.As16()})
	}
	if err != nil {
		return nil, err
	}
	return b.Finish()
}

// SPDX-License-Identifier: Apache-2.0

package internet

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// AWS is the address of AWS's own services. Machines reach them as on AWS: by the services'
// names, over HTTPS, through an Internet or NAT gateway. It exists only in the namespace.
var AWS = netip.MustParseAddr("192.0.2.90")

// awsServices are the services that the lab implements.
var awsServices = []string{"ec2", "iam", "ssm", "sts"}

// ServiceNames returns the names of the services' endpoints in a region (AWS General
// Reference, rande).
func ServiceNames(region string) []string {
	names := []string{"iam.amazonaws.com", "sts.amazonaws.com"}
	for _, s := range awsServices {
		names = append(names, s+"."+region+".amazonaws.com")
	}
	return names
}

// isService tells whether a fully qualified name is that of an endpoint.
func isService(name string) bool {
	labels := strings.Split(name, ".")
	switch len(labels) {
	case 4: // service.amazonaws.com.
		return strings.HasSuffix(name, ".amazonaws.com.") && (labels[0] == "iam" || labels[0] == "sts")
	case 5:
		return strings.HasSuffix(name, ".amazonaws.com.") && slices.Contains(awsServices, labels[0])
	}
	return false
}

// ServeAWS serves the endpoints of a region over HTTP and HTTPS until ctx ends.
func ServeAWS(ctx context.Context, api http.Handler, certificate tls.Certificate) error {
	var plain, secure net.Listener
	err := listen(func() (err error) {
		if plain, err = net.Listen("tcp", netip.AddrPortFrom(AWS, 80).String()); err != nil {
			return err
		}
		secure, err = net.Listen("tcp", netip.AddrPortFrom(AWS, 443).String())
		return err
	})
	if err != nil {
		return err
	}
	secure = tls.NewListener(secure,
		&tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}})
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return ServeHTTP(ctx, plain, api) })
	g.Go(func() error { return ServeHTTP(ctx, secure, api) })
	return g.Wait()
}

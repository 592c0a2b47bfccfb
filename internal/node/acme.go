// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/crypto/acme"

	"macaw.example/internal/authority"
	"macaw.example/internal/hint"
	"macaw.example/internal/nodeapi"
)

const (
	// acmeKey has the key of the account with the ACME server.
	acmeKey = "/etc/macaw/tls/acme.key"
	// acmeListen is where HAProxy forwards the server's questions to.
	acmeListen = "127.0.0.1:8090"
	// acmeLimit is how long issuing may take. Let's Encrypt takes seconds.
	acmeLimit = 3 * time.Minute
)

// acmeClient obtains certificates from an ACME server. It proves the possession of a domain by
// answering the server's question over HTTP (RFC 8555, section 8.3).
type acmeClient struct {
	client *acme.Client
	email  string
	listen string
}

func (n *node) acmeClient() (*acmeClient, error) {
	key, err := n.acmeAccount()
	if err != nil {
		return nil, fmt.Errorf("reading the key of the ACME account: %w", err)
	}
	server := n.spec.Management.ACME
	c := &acme.Client{Key: key, DirectoryURL: server.Directory, UserAgent: "macaw"}
	pem, err := os.ReadFile(filepath.Join(n.root, nodeapi.ACMEAuthority))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("reading what the ACME server is trusted by: %w", err)
	default:
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading what the ACME server is trusted by: no certificate in %s", nodeapi.ACMEAuthority)
		}
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
		c.HTTPClient = &http.Client{Transport: transport}
	}
	return &acmeClient{client: c, email: server.Email, listen: acmeListen}, nil
}

// acmeAccount reads the account's key, and makes one if there is none.
func (n *node) acmeAccount() (crypto.Signer, error) {
	b, err := os.ReadFile(filepath.Join(n.root, acmeKey))
	if err == nil {
		key, err := authority.DecodeKey(b)
		if err != nil {
			return nil, hint.With(fmt.Errorf("%s: %w", acmeKey, err),
				"remove that file from the node; then the next renewal registers another account")
		}
		return key, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, err := authority.NewKey()
	if err != nil {
		return nil, err
	}
	if b, err = authority.EncodeKey(key); err != nil {
		return nil, err
	}
	_, err = file{Path: acmeKey, Mode: 0o600, Content: b}.Write(n.root)
	return key, err
}

// obtain returns a certificate for a domain, with its issuers and its key, as PEM.
func (c *acmeClient) obtain(ctx context.Context, domain string) (bundle []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, acmeLimit)
	defer cancel()
	defer func() {
		if err != nil {
			err = fmt.Errorf("obtaining a certificate for %s from %s: %w", domain, c.client.DirectoryURL, err)
		}
	}()
	account := &acme.Account{}
	if c.email != "" {
		account.Contact = []string{"mailto:" + c.email}
	}
	_, err = c.client.Register(ctx, account, acme.AcceptTOS)
	if err != nil && !errors.Is(err, acme.ErrAccountAlreadyExists) {
		return nil, err
	}
	order, err := c.client.AuthorizeOrder(ctx, acme.DomainIDs(domain))
	if err != nil {
		return nil, err
	}
	for _, url := range order.AuthzURLs {
		if err := c.prove(ctx, url); err != nil {
			return nil, err
		}
	}
	if _, err = c.client.WaitOrder(ctx, order.URI); err != nil {
		return nil, err
	}
	key, err := authority.NewKey()
	if err != nil {
		return nil, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{domain}}, key)
	if err != nil {
		return nil, err
	}
	chain, _, err := c.client.CreateCertFromOrder(ctx, order, csr, true)
	if err != nil {
		return nil, err
	}
	certificates := make([]*x509.Certificate, len(chain))
	for i, der := range chain {
		if certificates[i], err = x509.ParseCertificate(der); err != nil {
			return nil, err
		}
	}
	own, err := authority.Join(key, certificates)
	if err != nil {
		return nil, err
	}
	return authority.EncodeBundle(own)
}

// prove answers the server's question about one domain.
func (c *acmeClient) prove(ctx context.Context, url string) error {
	authz, err := c.client.GetAuthorization(ctx, url)
	if err != nil || authz.Status == acme.StatusValid {
		return err
	}
	for _, challenge := range authz.Challenges {
		if challenge.Type != "http-01" {
			continue
		}
		answer, err := c.client.HTTP01ChallengeResponse(challenge.Token)
		if err != nil {
			return err
		}
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.listen)
		if err != nil {
			return err
		}
		path := c.client.HTTP01ChallengePath(challenge.Token)
		server := &http.Server{ReadHeaderTimeout: 10 * time.Second,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != path {
					http.NotFound(w, r)
					return
				}
				_, _ = w.Write([]byte(answer))
			})}
		go func() { _ = server.Serve(listener) }()
		defer server.Close()
		if _, err := c.client.Accept(ctx, challenge); err != nil {
			return err
		}
		_, err = c.client.WaitAuthorization(ctx, url)
		return err
	}
	return errors.New("the server offers no challenge over HTTP")
}

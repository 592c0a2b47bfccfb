// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"macaw.example/internal/authority"
	"macaw.example/internal/cloud"
	"macaw.example/internal/nodeapi"
)

// company is an authority that is not the cloud's, with an intermediate one, and a directory of files.
type company struct {
	t    *testing.T
	dir  string
	root *authority.Certificate
	own  *authority.Certificate // issues
}

func newCompany(t *testing.T, dir string) company {
	t.Helper()
	key, err := authority.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	scope := authority.Scope{
		Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Names: []string{"example.org"},
	}
	root, err := authority.NewRoot(key, "the company", scope, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	own, err := root.Intermediate("its department", scope, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return company{t, dir, root, own}
}

func (c company) issue(name string, at time.Time) *authority.Certificate {
	c.t.Helper()
	got, err := c.own.Issue(authority.Leaf{Name: name, Names: []string{name}}, at)
	if err != nil {
		c.t.Fatal(err)
	}
	return got
}

// write writes NAME.key, and NAME.pem with the certificates of the chain in this order.
func (c company) write(name string, from *authority.Certificate, order ...int) {
	c.t.Helper()
	key, err := authority.EncodeKey(from.Key)
	if err != nil {
		c.t.Fatal(err)
	}
	var chain []*x509.Certificate
	for _, i := range order {
		chain = append(chain, from.Chain[i])
	}
	c.file(name+".pem", authority.EncodeChain(chain))
	c.file(name+".key", key)
}

func (c company) file(name string, content []byte) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), content, 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// selfSigned returns a certificate for a key, issued by itself or another.
func (c company) selfSigned(key crypto.Signer, name string, by *authority.Certificate) *authority.Certificate {
	c.t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		DNSNames:  []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	parent, signer, above := template, key, []*x509.Certificate(nil)
	if by != nil {
		parent, signer, above = by.Chain[0], by.Key, by.Chain
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		c.t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		c.t.Fatal(err)
	}
	return &authority.Certificate{Key: key, Chain: append([]*x509.Certificate{made}, above...)}
}

func TestDomainCertificate(t *testing.T) {
	dir := t.TempDir()
	c, stranger := newCompany(t, dir), newCompany(t, dir)
	good := c.issue("cloud.example.org", time.Now())
	c.write("good", good, 0, 1)
	c.write("whole", good, 0, 1, 2)
	c.write("alone", good, 0)
	c.write("reversed", good, 2, 1, 0)
	c.write("mixed", good, 0, 2, 1)
	c.write("authority", c.root, 0)
	c.write("stranger", stranger.root, 0)
	c.write("other", c.issue("www.example.org", time.Now()), 0, 1)
	c.write("old", c.issue("cloud.example.org", time.Now().AddDate(-1, 0, 0)), 0, 1)
	c.write("early", c.issue("cloud.example.org", time.Now().AddDate(1, 0, 0)), 0, 1)

	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	c.write("weak", c.selfSigned(weak, "cloud.example.org", nil), 0)
	issuer := c.selfSigned(weak, "weak issuer", nil)
	c.write("below", c.selfSigned(good.Key, "cloud.example.org", issuer), 0, 1)

	der, err := x509.MarshalPKCS8PrivateKey(good.Key)
	if err != nil {
		t.Fatal(err)
	}
	c.file("key.der", der)
	c.file("certificate.der", good.Chain[0].Raw)
	c.file("text", []byte("hello\n"))
	//nolint:staticcheck // An old form, insecure by design, which OpenSSL wrote for decades.
	block, err := x509.EncryptPEMBlock(rand.Reader, "EC PRIVATE KEY", der, []byte("x"), x509.PEMCipherAES256)
	if err != nil {
		t.Fatal(err)
	}
	c.file("traditional.key", pem.EncodeToMemory(block))
	c.file("pkcs8.key", pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}))

	const above = "management.tls.authority: "
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, tc := range []struct {
		what, certificate, key, authority string
		want                              []string // parts of the error, place first; nil for none
	}{
		{"good", "good.pem", "good.key", "authority.pem", nil},
		{"with the root", "whole.pem", "whole.key", "authority.pem", nil},
		{"no certificate", "none.pem", "good.key", "", []string{"management.tls.certificate: ", "none.pem: no such file"}},
		{"no key", "good.pem", "none.key", "", []string{"management.tls.key: ", "none.key: no such file"}},
		{"a directory", ".", "good.key", "", []string{"management.tls.certificate: ", "is a directory"}},
		{"swapped", "good.key", "good.pem", "", []string{"management.tls.certificate: good.key: no certificate in PEM " +
			"form; it has a private key in PEM form", "management.tls.key swapped?"}},
		{"twice the certificate", "good.pem", "good.pem", "", []string{"management.tls.key: good.pem: no private key in " +
			"PEM form; it has a certificate in PEM form", "swapped?"}},
		{"something else", "text", "good.key", "", []string{"management.tls.certificate: text: no certificate in PEM form"}},
		{"another's key", "good.pem", "other.key", "",
			[]string{"management.tls.key: good.pem and other.key: the private key is not that of the first certificate",
				"both files must be of the same renewal"}},
		{"reversed", "reversed.pem", "good.key", "", []string{"management.tls.key: reversed.pem and good.key: the private " +
			"key is that of certificate 3, CN=cloud.example.org, and not of the first", "hint: write the domain"}},
		{"issuers mixed up", "mixed.pem", "good.key", "", []string{"management.tls.certificate: mixed.pem: certificate 1, " +
			"CN=cloud.example.org, was not issued by the next, CN=the company", "hint: write the domain's certificate first"}},
		{"a weak key", "weak.pem", "weak.key", "weak.pem", []string{"management.tls.certificate: weak.pem: the RSA key of " +
			"certificate 1, CN=cloud.example.org, has 1024 bits, and HAProxy takes no less than 2048", "hint: have it issued"}},
		{"a weak issuer", "below.pem", "below.key", "weak.pem", []string{"management.tls.certificate: below.pem: the RSA " +
			"key of certificate 2, CN=weak issuer, has 1024 bits", "hint: have it issued"}},
		{"for another name", "other.pem", "other.key", "authority.pem",
			[]string{"management.tls.certificate: other.pem: x509: certificate is valid for www.example.org, not " +
				"cloud.example.org"}},
		{"expired", "old.pem", "old.key", "authority.pem",
			[]string{"management.tls.certificate: old.pem expired on 20", "hint: have it renewed"}},
		{"from the future", "early.pem", "early.key", "authority.pem",
			[]string{"management.tls.certificate: early.pem is not valid before 20", "clock"}},
		{"encrypted in OpenSSL's old form", "good.pem", "traditional.key", "", []string{"management.tls.key: " +
			"traditional.key: the private key is encrypted", "openssl pkey -in " + in("traditional.key") + " -out " +
			in("traditional.key.plain")}},
		{"encrypted by PKCS #8", "good.pem", "pkcs8.key", "", []string{"management.tls.key: pkcs8.key: the private key is " +
			"encrypted", "openssl pkey -in " + in("pkcs8.key") + " -out " + in("pkcs8.key.plain")}},
		{"key in DER", "good.pem", "key.der", "", []string{"management.tls.key: key.der: no private key in PEM form; it " +
			"has a private key in DER form", "openssl pkey -inform DER -in " + in("key.der") + " -out " + in("key.der.pem")}},
		{"certificate in DER", "certificate.der", "good.key", "", []string{"management.tls.certificate: certificate.der: " +
			"no certificate in PEM form; it has a certificate in DER form",
			"openssl x509 -inform DER -in " + in("certificate.der") + " -out " + in("certificate.der.pem")}},
		{"another's authority", "good.pem", "good.key", "stranger.pem", []string{above + "stranger.pem does not verify " +
			"good.pem: x509: certificate signed by unknown authority", "it needs the certificate of CN=the company,O=Macaw"}},
		{"the intermediate is missing", "alone.pem", "alone.key", "authority.pem", []string{above + "authority.pem does " +
			"not verify alone.pem", "it needs the certificate of CN=its department,O=Macaw; or alone.pem lacks issuers"}},
		{"the authority's key", "good.pem", "good.key", "authority.key",
			[]string{above + "authority.key: no certificate in"}},
		{"no authority", "good.pem", "good.key", "none.pem", []string{above, "none.pem: no such file"}},
		{"no authority that the system knows", "good.pem", "good.key", "", []string{"management.tls.certificate: good.pem: " +
			"this system trusts no authority that issued it", "name the file with the authority's certificate at " +
			"management.tls.authority"}},
	} {
		text := "name: x\ntarget: lab\nmanagement:\n  domain: cloud.example.org\n  tls: {certificate: " + tc.certificate +
			", key: " + tc.key
		if tc.authority != "" {
			text += ", authority: " + tc.authority
		}
		file, err := cloud.Parse(filepath.Join(dir, "cloud.yaml"), []byte(text+"}\n"))
		if err != nil {
			t.Fatal(err)
		}
		d := &Deployment{Cloud: file, Home: newHome(t)}
		got, err := d.domainCertificate()
		if tc.want == nil {
			if err != nil || !slices.EqualFunc(got.Chain[:2], good.Chain[:2], (*x509.Certificate).Equal) {
				t.Errorf("%s: %v, %v", tc.what, got, err)
			}
			continue
		}
		for _, part := range append(tc.want, "cloud.yaml:5:") {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v, want %q", tc.what, err, part)
			}
		}
		// The same is found before anything is made.
		if before := d.checkCertificateFiles(); before == nil || err == nil || before.Error() != err.Error() {
			t.Errorf("%s: before anything is made: %v, then: %v", tc.what, before, err)
		}
	}
}

// What the hint about an encrypted key says makes a key that is read.
func TestEncryptedKeyHint(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	c := newCompany(t, dir)
	c.write("good", c.issue("cloud.example.org", time.Now()), 0, 1)
	run := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	run("openssl", "pkey", "-in", "good.key", "-aes256", "-passout", "pass:x", "-out", "secret.key")
	file, err := cloud.Parse(filepath.Join(dir, "cloud.yaml"), []byte("name: x\ntarget: lab\n"))
	if err != nil {
		t.Fatal(err)
	}
	d := &Deployment{Cloud: file}
	_, err = d.keyAt(placeKey, "secret.key")
	wrong, ok := errors.AsType[cloud.Errors](err)
	if !ok {
		t.Fatalf("an encrypted key: %v", err)
	}
	_, command, _ := strings.Cut(wrong[0].Hint, "without: ")
	command, _, _ = strings.Cut(command, ";")
	run("sh", "-c", command+" -passin pass:x") // nobody is there to be asked
	if _, err := d.keyAt(placeKey, "secret.key.plain"); err != nil {
		t.Errorf("what %q wrote: %v", command, err)
	}
}

// A certificate that clients would refuse stops plan and up before anything is made; a good one gets to the
// node.
func TestCertificateOfOnesOwn(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	c, stranger := newCompany(t, dir), newCompany(t, dir)
	good := c.issue("cloud.example.org", time.Now())
	c.write("good", good, 0, 1)
	c.write("company", c.root, 0)
	c.write("stranger", stranger.root, 0)
	with := func(authority string) string {
		return strings.Replace(file, "allow:", "domain: cloud.example.org, tls: {certificate: "+
			filepath.Join(dir, "good.pem")+", key: "+filepath.Join(dir, "good.key")+", authority: "+
			filepath.Join(dir, authority)+"}, allow:", 1)
	}
	d, _ := w.process(with("stranger.pem"))
	if _, err := d.Plan(t.Context()); err == nil || !strings.Contains(err.Error(), "does not verify") {
		t.Errorf("plan: %v", err)
	}
	d, _ = w.process(with("stranger.pem"))
	_, err := d.Up(t.Context(), UpOptions{Verify: Never})
	if err == nil || !strings.Contains(err.Error(), "does not verify") {
		t.Errorf("up: %v", err)
	}
	vpcs, err := ec2.NewFromConfig(w.aws.Config()).DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
	if err != nil || len(vpcs.Vpcs) > 0 {
		t.Errorf("after the refusal there are %d VPCs, %v", len(vpcs.Vpcs), err)
	}

	res := w.up(with("company.pem"))
	if len(res.Findings) != 1 || res.Findings[0].Code != domainElsewhere {
		t.Errorf("findings: %v", res.Findings)
	}
	bundle, err := authority.DecodeBundle([]byte(w.onlyNode().files[nodeapi.DomainCertificate]))
	if err != nil || !slices.EqualFunc(bundle.Chain, good.Chain[:2], (*x509.Certificate).Equal) {
		t.Errorf("the node has %v, %v", bundle, err)
	}
	trusted, err := os.ReadFile(w.home.authority("first"))
	if err != nil || string(trusted) != string(authority.EncodeChain(c.root.Chain)) {
		t.Errorf("clients trust %v:\n%s", err, trusted)
	}
	// It ends in less than a month.
	soon := c.issue("cloud.example.org", time.Now().AddDate(0, 0, -70))
	c.write("good", soon, 0, 1)
	res = w.up(with("company.pem"))
	want := "the certificate of cloud-1 for cloud.example.org ends on " + soon.Chain[0].NotAfter.Format(time.DateOnly)
	if len(res.Findings) != 2 || res.Findings[1].Text != want ||
		!strings.Contains(res.Findings[1].Hint, filepath.Join(dir, "good.pem")) {
		t.Errorf("findings: %v, want %q", res.Findings, want)
	}
	w.up(file)
	if _, ok := w.onlyNode().files[nodeapi.DomainCertificate]; ok {
		t.Error("the certificate is still on the node")
	}
}

// HAProxy tries a certificate out before it replaces the one that is served.
func TestTryCertificate(t *testing.T) {
	if _, err := os.Stat("/usr/sbin/haproxy"); err != nil {
		t.Skip("needs Debian's package haproxy: ", err)
	}
	c := newCompany(t, t.TempDir())
	good := c.issue("cloud.example.org", time.Now())
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	config, served := filepath.Join(c.dir, "haproxy.cfg"), filepath.Join(c.dir, "public")
	c.file("haproxy.cfg", []byte("defaults\n    mode http\n    timeout connect 5s\n    timeout client 5s\n"+
		"    timeout server 5s\n"+
		"frontend public\n    bind 127.0.0.1:443 ssl crt "+served+"/\n"))
	for _, tt := range []struct {
		certificate *authority.Certificate
		want        string
	}{{good, ""}, {c.selfSigned(weak, "cloud.example.org", nil), "unable to load SSL certificate"}} {
		bundle, err := authority.EncodeBundle(tt.certificate)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c",
			tryCertificate(config, filepath.Join(served, "domain.pem"), c.dir))
		cmd.Env, cmd.Stdin = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin"), bytes.NewReader(bundle)
		out, err := cmd.CombinedOutput()
		if (err == nil) != (tt.want == "") || !strings.Contains(string(out), tt.want) {
			t.Errorf("%v\n%s", err, out)
		}
	}
	if left, err := filepath.Glob(filepath.Join(c.dir, "tmp.*")); err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
}

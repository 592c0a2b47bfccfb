// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	awsapi "macaw.example/internal/aws"
)

// session is the content of a session token, encrypted. No session is stored, so all
// survive a restart of the lab's daemon.
type session struct {
	Key      string // access key ID
	Role     string // ID, or empty
	User     string // ID, of GetSessionToken
	Name     string // of the session
	Instance string `json:",omitempty"` // ARN
	Issued   time.Time
	Ends     time.Time
	// MFA is when the user gave a code of an MFA device, if so.
	MFA time.Time `json:",omitzero"`
}

// Credentials are temporary credentials.
type Credentials struct {
	Key
	Token   string
	Issued  time.Time
	Expires time.Time
}

// derive computes a pseudorandom value from the account's secret.
func (t *tx) derive(use string, text []byte) []byte {
	h := hmac.New(sha256.New, t.Secrets[sessionSecret])
	h.Write([]byte(use + "\x00"))
	h.Write(text)
	return h.Sum(nil)
}

// credentials makes the credentials of a session. They are a function of the session,
// so none are stored.
func (t *tx) credentials(s session) (Credentials, error) {
	plain, err := json.Marshal(s)
	if err != nil {
		return Credentials{}, err
	}
	seal, err := t.seal()
	if err != nil {
		return Credentials{}, err
	}
	// The nonce is a MAC of the plaintext: it repeats only for equal plaintexts.
	nonce := t.derive("nonce", plain)[:seal.NonceSize()]
	token := base64.StdEncoding.EncodeToString(seal.Seal(nonce, nonce, plain, nil))
	return Credentials{Key: Key{s.Key, t.sessionKey(s.Key)}, Token: token, Issued: s.Issued, Expires: s.Ends}, nil
}

func (t *tx) sessionKey(accessKey string) string {
	return base64.StdEncoding.EncodeToString(t.derive("secret", []byte(accessKey)))[:40]
}

func (t *tx) seal() (cipher.AEAD, error) {
	block, err := aes.NewCipher(t.derive("seal", nil))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (t *tx) unseal(token string) (session, bool) {
	var s session
	sealed, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return s, false
	}
	seal, err := t.seal()
	if err != nil || len(sealed) < seal.NonceSize() {
		return s, false
	}
	plain, err := seal.Open(nil, sealed[:seal.NonceSize()], sealed[seal.NonceSize():], nil)
	if err != nil {
		return s, false
	}
	return s, json.Unmarshal(plain, &s) == nil
}

// authenticateSession returns the owner of temporary credentials. They are invalid once
// their role or user is deleted.
func (s *Store) authenticateSession(accessKey, token string) (string, Caller, error) {
	t := s.view(Caller{})
	of, ok := t.unseal(token)
	if !ok || of.Key != accessKey {
		return "", Caller{}, ErrUnknownKey
	}
	who, ok := t.sessionCaller(of)
	if !ok {
		return "", Caller{}, ErrUnknownKey
	}
	if !t.now.Before(of.Ends) {
		return "", Caller{}, ErrExpired
	}
	return t.sessionKey(accessKey), who, nil
}

func (t *tx) sessionCaller(of session) (Caller, bool) {
	if of.Role == "" && of.User == "" {
		who := Operator(t.cfg.partition(), t.cfg.Account)
		who.issued, who.mfa = of.Issued, of.MFA
		return who, true
	}
	for _, u := range t.Users {
		if u.ID == of.User {
			who := t.userCaller(u)
			who.issued, who.mfa = of.Issued, of.MFA
			return who, true
		}
	}
	for _, r := range t.Roles {
		if r.ID == of.Role {
			return Caller{ARN: t.cfg.sessionARN(r.Name, of.Name),
				ID:      r.ID + ":" + of.Name,
				Account: t.cfg.Account, role: r.Name, tags: r.Tags, issued: of.Issued, instance: of.Instance}, true
		}
	}
	return Caller{}, false
}

// renewal is how long before expiry an instance's credentials are replaced: on EC2 at
// least five minutes (EC2 User Guide, iam-roles-for-amazon-ec2, "Retrieve security
// credentials").
func renewal(lifetime time.Duration) time.Duration { return min(lifetime/2, 30*time.Minute) }

// InstanceCredentials returns an instance's credentials of the role in its profile,
// given by name or ARN. They stay the same until renewal. role is empty if there is no
// such profile or it has no role. ok is false in these cases, and if EC2 may not assume
// the role.
func (s *Store) InstanceCredentials(region, instance, profile string) (role string, c Credentials, ok bool) {
	t := s.view(Caller{})
	p := t.profile(profile)
	if p == nil || t.Roles[p.Role] == nil {
		return "", Credentials{}, false
	}
	r := t.Roles[p.Role]
	if t.late(p.Created) || t.late(r.Created) || !t.trusts(r, "Service:ec2."+awsapi.Domain(region)) {
		return r.Name, Credentials{}, false
	}
	// Spread the renewals of instances over time.
	lifetime := t.cfg.InstanceSession
	period := lifetime - renewal(lifetime)
	offset := time.Duration(t.derive("offset", []byte(instance))[0]) * period / 256
	issued := t.now.Add(-offset).Truncate(period).Add(offset)
	id := t.derive("instance", []byte(instance+" "+r.ID+" "+issued.UTC().Format(time.RFC3339Nano)))
	c, err := t.credentials(session{
		Key:  prefixSession + base32.StdEncoding.EncodeToString(id)[:uniqueIDLetters],
		Role: r.ID, Name: instance, Issued: issued.UTC(), Ends: issued.Add(lifetime).UTC(),
		Instance: "arn:" + strings.Join([]string{t.cfg.partition(), "ec2", region, t.cfg.Account, "instance/" + instance},
			":"),
	})
	if err != nil {
		s.cfg.Log.Error("making an instance's credentials", "instance", instance, "err", err)
		return r.Name, Credentials{}, false
	}
	return r.Name, c, true
}

// SPDX-License-Identifier: Apache-2.0

package imds

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// tokens issues and checks session tokens. A token is its expiry time with a MAC over that
// and the instance, so none is stored, and a token of one instance is invalid on another
// (EC2 User Guide, configuring-instance-metadata-service). Tokens do not outlive the
// service; clients then get a 401 and request a new one.
type tokens struct{ key [32]byte }

func newTokens() *tokens {
	t := &tokens{}
	rand.Read(t.key[:]) // never fails, by its documentation
	return t
}

func (t *tokens) issue(instance string, ends time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(ends.UnixNano()))
	return base64.URLEncoding.EncodeToString(append(b, t.code(instance, b)...))
}

func (t *tokens) valid(token, instance string, now time.Time) bool {
	b, err := base64.URLEncoding.DecodeString(token)
	if err != nil || len(b) != 8+sha256.Size {
		return false
	}
	ends := time.Unix(0, int64(binary.BigEndian.Uint64(b[:8])))
	return hmac.Equal(b[8:], t.code(instance, b[:8])) && now.Before(ends)
}

func (t *tokens) code(instance string, ends []byte) []byte {
	h := hmac.New(sha256.New, t.key[:])
	h.Write(ends)
	h.Write([]byte(instance))
	return h.Sum(nil)
}

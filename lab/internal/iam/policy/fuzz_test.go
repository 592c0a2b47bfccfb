// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"
)

// FuzzEvaluate parses any text and decides a request by it. For any text, an explicit
// denial prevails, an allow of everything leaves nothing undecided, and no document
// without the word Allow allows anything.
func FuzzEvaluate(f *testing.F) {
	f.Add(identity(`"Effect":"Allow","Action":["ec2:*"],"Resource":"arn:aws:ec2:*:*:instance/${aws:username}"`),
		"ec2:RunInstances", "arn:aws:ec2:us-east-1:1:instance/ann", "ann")
	f.Add(identity(`"Effect":"Deny","NotAction":"iam:*","NotResource":"*","Condition":{"ForAllValues:StringLike":{"aws:TagKeys":["a*?b"]},"Bool":{"aws:x":true}}`), "ec2:x", "*", "x")
	f.Add(identity(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ArnNotLikeIfExists":{"aws:v":"arn:${aws:v,'x'}:::*:"},"IpAddress":{"aws:v":"::/0"},"DateLessThan":{"aws:v":"9"},"Null":{"aws:v":"false"}}`), "sts:x", "*", "arn:a:b:c:d:e")
	f.Add(`{"Statement":{"Effect":"Allow","Principal":{"AWS":["1","*"]},"Action":"sts:AssumeRole"}}`, "sts:AssumeRole", "",
		"AWS:arn:aws:iam::1:root")
	everything, _ := Parse(identity(`"Effect":"Allow","Action":"*","Resource":"*"`), Identity)
	nothing, _ := Parse(identity(`"Effect":"Deny","Action":"*","Resource":"*"`), Identity)
	f.Fuzz(func(t *testing.T, text, action, resource, value string) {
		if len(text) > 4096 || len(action)+len(resource)+len(value) > 512 {
			return
		}
		r := Request{Action: action, Resource: resource, Context: Context{}, Principals: []string{value}}
		for _, key := range []string{"aws:username", "aws:x", "aws:v", "aws:TagKeys"} {
			r.Context.Set(key, value)
		}
		for _, kind := range []Kind{Identity, Trust} {
			d, err := Parse(text, kind)
			if err != nil {
				continue
			}
			alone := Evaluate([]Document{d}, r)
			if Evaluate([]Document{d, nothing}, r) != ExplicitDeny || Evaluate([]Document{nothing, d}, r) != ExplicitDeny {
				t.Errorf("%s overrules an explicit denial", text)
			}
			with := Evaluate([]Document{d, everything}, r)
			if (alone == ExplicitDeny) != (with == ExplicitDeny) || with == ImplicitDeny {
				t.Errorf("%s: alone %v, with everything allowed %v", text, alone, with)
			}
			if alone == Allow && !strings.Contains(text, "Allow") && !strings.Contains(text, `\u`) {
				t.Errorf("%s allows without saying so", text)
			}
		}
	})
}

// FuzzPattern compares the matcher with a naive one.
func FuzzPattern(f *testing.F) {
	f.Add("ec2:*Instances", "ec2:RunInstances")
	f.Add("**?a*b?", "xxaab")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, text, have string) {
		if len(text) > 24 || len(have) > 24 {
			return
		}
		p, _ := compile(text, true, nil)
		if got, want := p.match(have, false), plain(p, []rune(have)); got != want {
			t.Errorf("%q and %q: %v, want %v", text, have, got, want)
		}
	})
}

// plain matches by exhaustive search with memoization.
func plain(p pattern, t []rune) bool {
	ok := make([][]bool, len(p)+1)
	for i := range ok {
		ok[i] = make([]bool, len(t)+1)
	}
	ok[len(p)][len(t)] = true
	for i := len(p) - 1; i >= 0; i-- {
		for j := len(t); j >= 0; j-- {
			if p[i] == anyText {
				ok[i][j] = ok[i+1][j] || j < len(t) && ok[i][j+1]
			} else {
				ok[i][j] = j < len(t) && (p[i] == anyRune || p[i] == t[j]) && ok[i+1][j+1]
			}
		}
	}
	return ok[0][0]
}

// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"
)

func parsed(t testing.TB, kind Kind, text string) Document {
	t.Helper()
	d, err := Parse(text, kind)
	if err != nil {
		t.Fatalf("parsing %s: %v", text, err)
	}
	return d
}

// identity is a document with one statement.
func identity(statement string) string {
	return `{"Version":"2012-10-17","Statement":{` + statement + `}}`
}

func TestParse(t *testing.T) {
	allow := `"Effect":"Allow","Action":"ec2:*","Resource":"*"`
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	for _, c := range []struct {
		name, text string
		kind       Kind
		want       string // in the message, empty if it is well formed
	}{
		{"one statement", identity(allow), Identity, ""},
		{"a list", `{"Statement":[{` + allow + `}]}`, Identity, ""},
		{"lists of values", identity(`"Effect":"Deny","NotAction":["ec2:Describe*","iam:PassRole"],"NotResource":["arn:aws:ec2:*:*:vpc/*"]`), Identity, ""},
		{"trust", trust, Trust, ""},
		{"trust of everybody", strings.Replace(trust, `{"Service":"ec2.amazonaws.com"}`, `"*"`, 1), Trust, ""},
		{"no JSON", `{`, Identity, "invalid Json"},
		{"a list at the top", `[]`, Identity, "Syntax errors"},
		{"no statement", `{"Version":"2012-10-17"}`, Identity, "Syntax errors"},
		{"no statements", `{"Statement":[]}`, Identity, "Syntax errors"},
		{"unknown version", `{"Version":"2012-10-18","Statement":{` + allow + `}}`, Identity, "valid version"},
		{"unknown element", identity(allow + `,"Reason":"x"`), Identity, "Syntax errors"},
		{"repeated element", identity(allow + `,"Effect":"Deny"`), Identity, "Syntax errors"},
		{"both forms", identity(allow + `,"NotAction":"ec2:x"`), Identity, "Syntax errors"},
		{"lower case", identity(strings.ToLower(allow)), Identity, "Syntax errors"},
		{"no effect", identity(`"Action":"ec2:*","Resource":"*"`), Identity, "Syntax errors"},
		{"action without service", identity(`"Effect":"Allow","Action":"RunInstances","Resource":"*"`), Identity, "vendor"},
		{"no action", identity(`"Effect":"Allow","Resource":"*"`), Identity, "contain actions"},
		{"no resource", identity(`"Effect":"Allow","Action":"ec2:*"`), Identity, "contain resources"},
		{"resource no ARN", identity(`"Effect":"Allow","Action":"ec2:*","Resource":"vpc-1"`), Identity, "ARN format"},
		{"principal", identity(allow + `,"Principal":"*"`), Identity, "not specify a principal"},
		{"SID twice", `{"Statement":[{"Sid":"a",` + allow + `},{"Sid":"a",` + allow + `}]}`, Identity, "unique"},
		{"bad SID", identity(`"Sid":"a b",` + allow), Identity, "alpha-numeric"},
		{"unknown operator", identity(allow + `,"Condition":{"StringIs":{"aws:x":"y"}}`), Identity,
			"Invalid Condition type : StringIs"},
		{"NullIfExists", identity(allow + `,"Condition":{"NullIfExists":{"aws:x":"true"}}`), Identity,
			"Invalid Condition type"},
		{"key without service", identity(allow + `,"Condition":{"Bool":{"x":true}}`), Identity, "vendor"},
		{"trust without principal", identity(`"Effect":"Allow","Action":"sts:AssumeRole"`), Trust, "Principal"},
		{"trust with resource", strings.Replace(trust, `"Effect"`, `"Resource":"*","Effect"`, 1), Trust,
			"prohibited field Resource"},
		{"trust of another action", strings.Replace(trust, "sts:AssumeRole", "ec2:RunInstances", 1), Trust, "STS AssumeRole"},
	} {
		_, err := Parse(c.text, c.kind)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: refused: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want an error with %q", c.name, err, c.want)
		}
	}
}

func TestEvaluate(t *testing.T) {
	const eni = "arn:aws:ec2:us-east-1:123456789012:network-interface/eni-1"
	request := func(set func(Context)) Request {
		r := Request{Action: "ec2:AssignPrivateIpAddresses", Resource: eni, Context: Context{}}
		r.Context.Set("aws:ResourceTag/Cloud", "blue")
		r.Context.Set("aws:username", "ann")
		if set != nil {
			set(r.Context)
		}
		return r
	}
	statement := func(effect, action, resource, condition string) string {
		s := `"Effect":"` + effect + `","Action":` + action + `,"Resource":` + resource
		if condition != "" {
			s += `,"Condition":` + condition
		}
		return identity(s)
	}
	allow := statement("Allow", `"ec2:*"`, `"*"`, "")
	for _, c := range []struct {
		name      string
		documents []string
		want      Decision
	}{
		{"nothing", nil, ImplicitDeny},
		{"allowed", []string{allow}, Allow},
		{"wildcards and case", []string{statement("Allow", `"EC2:assign?rivate*"`, `"*"`, "")}, Allow},
		{"another action", []string{statement("Allow", `"ec2:Describe*"`, `"*"`, "")}, ImplicitDeny},
		{"another service", []string{statement("Allow", `"iam:*"`, `"*"`, "")}, ImplicitDeny},
		{"deny after allow", []string{allow, statement("Deny", `"ec2:Assign*"`, `"*"`, "")}, ExplicitDeny},
		{"deny before allow", []string{statement("Deny", `"ec2:Assign*"`, `"*"`, ""), allow}, ExplicitDeny},
		{"resource", []string{statement("Allow", `"ec2:*"`, `"arn:aws:ec2:*:*:network-interface/*"`, "")}, Allow},
		{"another resource", []string{statement("Allow", `"ec2:*"`, `"arn:aws:ec2:*:*:instance/*"`, "")}, ImplicitDeny},
		{"resource is case sensitive", []string{statement("Allow", `"ec2:*"`, `"arn:aws:ec2:*:*:Network-Interface/*"`, "")},
			ImplicitDeny},
		{"NotAction", []string{identity(`"Effect":"Allow","NotAction":"iam:*","Resource":"*"`)}, Allow},
		{"NotAction of this", []string{identity(`"Effect":"Allow","NotAction":"ec2:*","Resource":"*"`)}, ImplicitDeny},
		{"NotResource", []string{identity(`"Effect":"Allow","Action":"ec2:*","NotResource":"` + eni + `"`)}, ImplicitDeny},
		{"tag", []string{statement("Allow", `"ec2:*"`, `"*"`, `{"StringEquals":{"aws:resourcetag/cloud":["green","blue"]}}`)},
			Allow},
		{"other tag", []string{statement("Allow", `"ec2:*"`, `"*"`, `{"StringEquals":{"aws:ResourceTag/Cloud":"green"}}`)},
			ImplicitDeny},
		{"all conditions", []string{statement("Allow", `"ec2:*"`, `"*"`,
			`{"StringEquals":{"aws:ResourceTag/Cloud":"blue","aws:username":"bob"}}`)}, ImplicitDeny},
		{"variable", []string{identity(`"Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{"StringEquals":{"aws:username":"${aws:username}"}}`)}, Allow},
		{"variable without value", []string{statement("Allow", `"ec2:*"`, `"arn:aws:ec2:*:*:network-interface/${aws:nobody}"`,
			"")}, ImplicitDeny},
		{"variable with default", []string{statement("Allow", `"ec2:*"`,
			`"arn:aws:ec2:*:*:network-interface/${aws:nobody, 'eni-1'}"`, "")}, Allow},
		{"no variables in 2008", []string{`{"Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{"StringEquals":{"aws:username":"${aws:username}"}}}}`}, ImplicitDeny},
	} {
		var documents []Document
		for _, text := range c.documents {
			documents = append(documents, parsed(t, Identity, text))
		}
		if got := Evaluate(documents, request(nil)); got != c.want {
			t.Errorf("%s: decided %v, want %v", c.name, got, c.want)
		}
	}
	// Values of variables introduce no wildcards.
	d := parsed(t, Identity, statement("Allow", `"ec2:*"`, `"arn:aws:ec2:*:*:network-interface/${aws:username}"`, ""))
	if got := Evaluate([]Document{d}, request(func(c Context) { c.Set("aws:username", "*") })); got != ImplicitDeny {
		t.Errorf("a user called * gets %v", got)
	}
}

func TestConditions(t *testing.T) {
	have := Context{}
	have.Set("x:s", "Blue")
	have.Set("x:n", "5")
	have.Set("x:d", "2026-03-01T00:00:00Z")
	have.Set("x:b", "true")
	have.Set("x:ip", "10.0.0.9")
	have.Set("x:ip6", "fd00::9")
	have.Set("x:arn", "arn:aws:iam::123456789012:role/team/node")
	have.Set("x:keys", "Name", "Cloud")
	for condition, want := range map[string]bool{
		`{"StringEquals":{"x:s":"Blue"}}`:                                                        true,
		`{"StringEquals":{"x:s":"Bl*"}}`:                                                         false,
		`{"StringEquals":{"x:s":"blue"}}`:                                                        false,
		`{"StringEqualsIgnoreCase":{"x:s":"blue"}}`:                                              true,
		`{"StringNotEqualsIgnoreCase":{"x:s":"blue"}}`:                                           false,
		`{"StringLike":{"x:s":"B?u*"}}`:                                                          true,
		`{"StringLike":{"x:s":"b?u*"}}`:                                                          false,
		`{"StringNotLike":{"x:s":["R*","B*"]}}`:                                                  false,
		`{"StringNotEquals":{"x:s":["Red","Green"]}}`:                                            true,
		`{"StringEquals":{"x:none":"Blue"}}`:                                                     false,
		`{"StringNotEquals":{"x:none":"Blue"}}`:                                                  true,
		`{"StringEqualsIfExists":{"x:none":"Blue"}}`:                                             true,
		`{"StringEqualsIfExists":{"x:s":"Red"}}`:                                                 false,
		`{"Null":{"x:none":"true"}}`:                                                             true,
		`{"Null":{"x:s":true}}`:                                                                  false,
		`{"Null":{"x:s":"false"}}`:                                                               true,
		`{"Bool":{"x:b":true}}`:                                                                  true,
		`{"Bool":{"x:b":"FALSE"}}`:                                                               false,
		`{"NumericLessThan":{"x:n":6}}`:                                                          true,
		`{"NumericLessThan":{"x:n":5}}`:                                                          false,
		`{"NumericLessThanEquals":{"x:n":"5"}}`:                                                  true,
		`{"NumericGreaterThan":{"x:s":"1"}}`:                                                     false,
		`{"NumericNotEquals":{"x:n":5}}`:                                                         false,
		`{"DateGreaterThan":{"x:d":"2026-01-01"}}`:                                               true,
		`{"DateLessThan":{"x:d":"2026-01-01T00:00:00Z"}}`:                                        false,
		`{"DateEquals":{"x:d":1772323200}}`:                                                      true,
		`{"IpAddress":{"x:ip":["192.168.0.0/16","10.0.0.0/8"]}}`:                                 true,
		`{"IpAddress":{"x:ip":"10.0.0.9"}}`:                                                      true,
		`{"NotIpAddress":{"x:ip":"10.0.0.0/8"}}`:                                                 false,
		`{"IpAddress":{"x:ip6":"fd00::/8"}}`:                                                     true,
		`{"IpAddress":{"x:s":"10.0.0.0/8"}}`:                                                     false,
		`{"ArnLike":{"x:arn":"arn:aws:iam::*:role/team/*"}}`:                                     true,
		`{"ArnEquals":{"x:arn":"arn:*:role/team/node"}}`:                                         false,
		`{"ArnNotLike":{"x:arn":"arn:aws:iam::*:user/*"}}`:                                       true,
		`{"ForAllValues:StringEquals":{"x:keys":["Name","Cloud","Owner"]}}`:                      true,
		`{"ForAllValues:StringEquals":{"x:keys":["Name"]}}`:                                      false,
		`{"ForAllValues:StringEquals":{"x:none":["Name"]}}`:                                      true,
		`{"ForAnyValue:StringEquals":{"x:keys":["Name"]}}`:                                       true,
		`{"ForAnyValue:StringEquals":{"x:none":["Name"]}}`:                                       false,
		`{"ForAnyValue:StringNotEquals":{"x:keys":["Name"]}}`:                                    true,
		`{"ForAllValues:StringNotEquals":{"x:keys":["Name"]}}`:                                   false,
		`{"ForAnyValue:StringLikeIfExists":{"x:none":["Name"]}}`:                                 true,
		`{"StringEquals":{"x:s":"Blue"},"NumericEquals":{"x:n":4}}`:                              false,
		`{"StringLike":{"x:s":"${x:none}"}}`:                                                     false,
		`{"StringLike":{"x:s":"${*}"}}`:                                                          false,
		`{"ArnLike":{"x:arn":"arn:aws:iam::${x:none, '123456789012'}:role/team/${x:none,'*'}"}}`: false,
	} {
		d := parsed(t, Identity, identity(`"Effect":"Allow","Action":"*","Resource":"*","Condition":`+condition))
		if got := Evaluate([]Document{d}, Request{Action: "x:y", Resource: "*", Context: have}) == Allow; got != want {
			t.Errorf("%s is %v, want %v", condition, got, want)
		}
	}
}

func TestTrust(t *testing.T) {
	node := []string{"AWS:arn:aws:iam::123456789012:user/ann"}
	root := []string{"AWS:arn:aws:iam::123456789012:root"}
	service := []string{"Service:ec2.amazonaws.com"}
	for _, c := range []struct {
		principal string
		who       []string
		want      Decision
	}{
		{`{"Service":"ec2.amazonaws.com"}`, service, Allow},
		{`{"Service":"ec2.amazonaws.com"}`, node, ImplicitDeny},
		{`{"AWS":"arn:aws:iam::123456789012:user/ann"}`, node, Allow},
		{`{"AWS":"arn:aws:iam::123456789012:user/bob"}`, node, ImplicitDeny},
		{`{"AWS":"123456789012"}`, root, Allow},
		{`{"AWS":"arn:aws:iam::123456789012:root"}`, root, Allow},
		{`"*"`, node, Allow},
		{`"*"`, service, ImplicitDeny},
	} {
		d := parsed(t, Trust, identity(`"Effect":"Allow","Action":"sts:AssumeRole","Principal":`+c.principal))
		if got := Evaluate([]Document{d}, Request{Action: "sts:AssumeRole", Principals: c.who}); got != c.want {
			t.Errorf("%s and %v: %v, want %v", c.principal, c.who, got, c.want)
		}
	}
}

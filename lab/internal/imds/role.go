// SPDX-License-Identifier: Apache-2.0

package imds

import (
	"encoding/json"
	"time"
)

// Role is the role of an instance's profile, with its credentials.
type Role struct {
	Name string
	// Refused means that the role's trust policy does not let EC2 assume it; there are no
	// credentials.
	Refused         bool
	AccessKeyID     string
	SecretAccessKey string
	Token           string
	Updated         time.Time
	Expires         time.Time
}

// putRole adds the instance's profile and its role's credentials (EC2 User Guide,
// iam-roles-for-amazon-ec2, "Retrieve security credentials"). For a role that EC2 may not
// assume there is an error code instead (IAM User Guide, troubleshoot_iam-ec2).
func (n *node) putRole(p Profile, r Role, known bool, now time.Time) {
	stamp := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
	info := map[string]string{"Code": "Success", "LastUpdated": stamp(now), "InstanceProfileArn": p.ARN,
		"InstanceProfileId": p.ID}
	if !known {
		info["Code"] = "InstanceProfileNotFound"
		n.put("iam/info", indented(info))
		return
	}
	if !r.Updated.IsZero() {
		info["LastUpdated"] = stamp(r.Updated)
	}
	n.put("iam/info", indented(info))
	credentials := map[string]string{"Code": "Success", "LastUpdated": info["LastUpdated"]}
	if r.Refused {
		credentials["Code"] = "AssumeRoleUnauthorizedAccess"
		credentials["Message"] = "EC2 cannot assume the role " + r.Name +
			". Please see documentation at " +
			"https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html#troubleshoot_iam-ec2_errors-info-doc."
	} else {
		credentials["Type"] = "AWS-HMAC"
		credentials["AccessKeyId"], credentials["SecretAccessKey"] = r.AccessKeyID, r.SecretAccessKey
		credentials["Token"], credentials["Expiration"] = r.Token, stamp(r.Expires)
	}
	n.put("iam/security-credentials/"+r.Name, indented(credentials))
}

func indented(v map[string]string) string {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // strings only
	}
	return string(text)
}

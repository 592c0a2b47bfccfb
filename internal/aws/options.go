// SPDX-License-Identifier: Apache-2.0

package aws

import "github.com/aws/smithy-go/middleware"

// Options are the APIOptions that every client of EC2 and IAM has.
var Options = []func(*middleware.Stack) error{NameUnreachable, NameDenied, CheckAnswers}

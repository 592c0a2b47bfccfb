// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// errNoAnswer is for responses of something between here and AWS: EC2 and IAM respond with XML
// whose root is named after the action (EC2 API Reference, Query-Requests; IAM User Guide,
// programming).
var errNoAnswer = errors.New("the answer is not one of AWS; a proxy or a portal may be in between")

// CheckAnswers makes a client of EC2 or IAM refuse responses that are not AWS's. The SDK treats an
// empty body, or another page, as a response with no results: up would make a second cloud, and
// down would conclude that nothing is left. It is one of a client's APIOptions, but not for the
// services that credentials come from, whose responses have another form. Those of [jsonServices] are
// left to the SDK's decoder, which refuses what is not JSON.
func CheckAnswers(stack *middleware.Stack) error {
	check := middleware.DeserializeMiddlewareFunc("macaw.CheckAnswers", checkAnswer)
	return stack.Deserialize.Add(check, middleware.After)
}

// jsonServices answer in JSON.
var jsonServices = []string{"Service Quotas", "Pricing", "KMS"}

func checkAnswer(
	ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
) (middleware.DeserializeOutput, middleware.Metadata, error) {
	out, metadata, err := next.HandleDeserialize(ctx, in)
	response, ok := out.RawResponse.(*smithyhttp.Response)
	json := slices.Contains(jsonServices, awsmiddleware.GetServiceID(ctx))
	if err != nil || !ok || json || response.StatusCode < 200 || response.StatusCode > 299 {
		return out, metadata, err
	}
	var read bytes.Buffer
	root, err := rootName(io.TeeReader(response.Body, &read))
	if err == nil && !strings.HasSuffix(root, "Response") {
		err = fmt.Errorf("%w: it begins with <%s>", errNoAnswer, root)
	}
	if err != nil {
		return out, metadata, &smithy.DeserializationError{Err: err}
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(&read, response.Body), response.Body}
	return out, metadata, nil
}

// rootName reads up to the name of a document's root.
func rootName(r io.Reader) (string, error) {
	d := xml.NewDecoder(r)
	for {
		token, err := d.Token()
		var syntax *xml.SyntaxError
		switch {
		case err == io.EOF, errors.As(err, &syntax):
			return "", fmt.Errorf("%w: it is not XML", errNoAnswer)
		case err != nil:
			return "", err
		}
		if start, ok := token.(xml.StartElement); ok {
			return start.Name.Local, nil
		}
	}
}

package ec2

import (
	"encoding/json"
	"net/http"
)

// ssmTarget begins the X-Amz-Target header of calls to Systems Manager.
const ssmTarget = "AmazonSSM."

type ssmParameter struct {
	ARN              string
	DataType         string
	LastModifiedDate float64 // seconds since 1970
	Name             string
	Type             string
	Value            string
	Version          int
}

// serveSSM answers GetParameter, in the JSON protocol of Systems Manager, for
// the public parameters that name images. denied is why the signature was
// refused, if it was.
func serveSSM(s *State, w http.ResponseWriter, target string, body []byte, denied error) {
	refuse := func(status int, code, message string) {
		writeJSON(w, status, map[string]string{"__type": code, "message": message})
	}
	if denied != nil {
		e := asAPIError(denied)
		if e.Code == "AuthFailure" {
			e = failStatus(http.StatusBadRequest, "UnrecognizedClientException", "The security token included in the request is invalid.")
		}
		refuse(e.Status, e.Code, e.Message)
		return
	}
	if target != ssmTarget+"GetParameter" {
		refuse(http.StatusBadRequest, "UnknownOperationException", "")
		return
	}
	var in struct{ Name string }
	if err := json.Unmarshal(body, &in); err != nil || in.Name == "" {
		refuse(http.StatusBadRequest, "ValidationException", "1 validation error detected: Value at 'name' failed to satisfy constraint: Member must not be null")
		return
	}
	image, known := s.view().parameter(in.Name)
	if !known {
		refuse(http.StatusBadRequest, "ParameterNotFound", "")
		return
	}
	writeJSON(w, http.StatusOK, map[string]ssmParameter{"Parameter": {
		ARN: "arn:aws:ssm:" + s.cfg.Region + "::parameter" + in.Name, DataType: "aws:ec2:image", Name: in.Name, Type: "String",
		LastModifiedDate: float64(image.Created.Unix()), Value: image.ID, Version: 1,
	}})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "encoding an answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	w.Write(body)
}

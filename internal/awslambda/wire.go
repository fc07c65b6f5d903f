package awslambda

import (
	"encoding/json"
	"errors"
	"fmt"
)

// The wire types mirror the JSON of the Lambda and tagging APIs. Everything may be null, so
// everything is a pointer; numbers are floats, since Lambda writes some in
// E-notation. Unknown fields are ignored.
type (
	wireRecord struct {
		LastModified             *float64 // Unix seconds
		FunctionArn              *string
		MaximumRetryAttempts     *float64
		MaximumEventAgeInSeconds *float64
		DestinationConfig        *wireDestinations
	}
	wireDestinations struct{ OnSuccess, OnFailure *wireDestination }
	wireDestination  struct{ Destination *string }

	wireConfigs struct {
		FunctionEventInvokeConfigs []*wireRecord
		NextMarker                 *string
	}
	wireAliases struct {
		Aliases    []*struct{ Name, AliasArn *string }
		NextMarker *string
	}
	wireVersions struct {
		Versions   []*struct{ Version, FunctionArn *string }
		NextMarker *string
	}
	wireFunctions struct {
		Functions  []*struct{ FunctionName, FunctionArn *string }
		NextMarker *string
	}
	wireTagged struct {
		ResourceTagMappingList []*struct {
			ResourceARN *string
			Tags        []*struct{ Key, Value *string }
		}
		PaginationToken *string
	}
)

// wireName is one entry of a listing of names, with the ARN that says where it
// belongs. Both are nil for an entry that is null.
type wireName struct{ name, arn *string }

func (w wireAliases) list() ([]wireName, *string) {
	names := make([]wireName, len(w.Aliases))
	for i, a := range w.Aliases {
		if a != nil {
			names[i] = wireName{a.Name, a.AliasArn}
		}
	}
	return names, w.NextMarker
}

func (w wireVersions) list() ([]wireName, *string) {
	names := make([]wireName, len(w.Versions))
	for i, v := range w.Versions {
		if v != nil {
			names[i] = wireName{v.Version, v.FunctionArn}
		}
	}
	return names, w.NextMarker
}

func (w wireFunctions) list() ([]wireName, *string) {
	names := make([]wireName, len(w.Functions))
	for i, f := range w.Functions {
		if f != nil {
			names[i] = wireName{f.FunctionName, f.FunctionArn}
		}
	}
	return names, w.NextMarker
}

// notJSONError is a body that breaks off or never was JSON: the answer was
// spoilt on its way, and asking again may help.
type notJSONError struct{ err error }

func (e *notJSONError) Error() string { return "the answer is not whole JSON: " + e.err.Error() }
func (e *notJSONError) Unwrap() error { return e.err }

// decode reads the body of a successful answer into the wire type of its operation.
func decode(op string, body []byte) (any, error) {
	switch op {
	case opListConfigs:
		v, err := decodeJSON[wireConfigs](body)
		return v, listed(err, "FunctionEventInvokeConfigs", v.FunctionEventInvokeConfigs == nil)
	case opListAliases:
		v, err := decodeJSON[wireAliases](body)
		return v, listed(err, "Aliases", v.Aliases == nil)
	case opListVersions:
		v, err := decodeJSON[wireVersions](body)
		return v, listed(err, "Versions", v.Versions == nil)
	case opListFunctions:
		v, err := decodeJSON[wireFunctions](body)
		return v, listed(err, "Functions", v.Functions == nil)
	case opGetResources:
		v, err := decodeJSON[wireTagged](body)
		return v, listed(err, "ResourceTagMappingList", v.ResourceTagMappingList == nil)
	case opPut, opUpdate:
		v, err := decodeJSON[*wireRecord](body)
		if err == nil && v == nil {
			err = errors.New("the answer is null where a record is due")
		}
		return v, err
	case opDelete:
		return nil, nil // 204, without a body
	}
	return nil, fmt.Errorf("no decoder for %s", op)
}

func decodeJSON[T any](body []byte) (v T, err error) {
	if err = json.Unmarshal(body, &v); err == nil {
		return v, nil
	}
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		return v, fmt.Errorf("%s is a JSON %s where a %s is due", fieldOf(wrongType), wrongType.Value, wrongType.Type)
	}
	return v, &notJSONError{err}
}

func fieldOf(e *json.UnmarshalTypeError) string {
	if e.Field == "" {
		return "the answer"
	}
	return e.Field
}

// listed refuses an answer without its list: to take it for an empty one would
// be to say that nothing is there.
func listed(err error, key string, absent bool) error {
	if err == nil && absent {
		return fmt.Errorf("%s is missing or null where a list is due", key)
	}
	return err
}

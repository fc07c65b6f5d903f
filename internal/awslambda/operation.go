package awslambda

import (
	"maps"
	"net/http"
	"slices"
)

// The Lambda operations that this package calls.
const (
	opListConfigs   = "ListFunctionEventInvokeConfigs"
	opListAliases   = "ListAliases"
	opListVersions  = "ListVersionsByFunction"
	opListFunctions = "ListFunctions"
	opPut           = "PutFunctionEventInvokeConfig"
	opUpdate        = "UpdateFunctionEventInvokeConfig"
	opDelete        = "DeleteFunctionEventInvokeConfig"
)

// The operations of the other services.
const (
	opGetCallerIdentity = "GetCallerIdentity"
	opAssumeRole        = "AssumeRole"
	opGetResources      = "GetResources"
)

// operations maps the operations that a client may send to their HTTP method.
// What is not in it is refused before anything leaves the process.
type operations map[string]string

func readOperations() operations {
	return operations{
		opListConfigs:   http.MethodGet,
		opListAliases:   http.MethodGet,
		opListVersions:  http.MethodGet,
		opListFunctions: http.MethodGet,
	}
}

func writeOperations() operations {
	return operations{
		opPut:    http.MethodPut,
		opUpdate: http.MethodPost,
		opDelete: http.MethodDelete,
	}
}

// STS and the tagging API send everything by POST, reads too.
func stsOperations() operations {
	return operations{opGetCallerIdentity: http.MethodPost, opAssumeRole: http.MethodPost}
}

func taggingOperations() operations {
	return operations{opGetResources: http.MethodPost}
}

func (o operations) names() []string { return slices.Sorted(maps.Keys(o)) }

// Quota classes: GetFunction has 100 requests a second of its own, and all
// other control-plane operations share 15 (Lambda quotas page).
const (
	ClassControl     = "control"
	ClassGetFunction = "getfunction"
)

func classOf(op string) string {
	if op == "GetFunction" {
		return ClassGetFunction
	}
	return ClassControl
}

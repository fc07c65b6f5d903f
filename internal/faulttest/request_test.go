package faulttest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"regexp"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
)

var (
	scope = regexp.MustCompile(`Credential=(?:AKIA|ASIA)(\d{12})/[^/]*/([^/]*)/lambda/`)
	route = regexp.MustCompile(`^/[0-9-]+/functions(?:/([^/]+)(?:/(.+))?)?/?$`)
)

// read understands a request without the help of either side.
func read(r *http.Request) (*attempt, error) {
	who := scope.FindStringSubmatch(r.Header.Get("Authorization"))
	what := route.FindStringSubmatch(r.URL.Path)
	if who == nil || what == nil {
		return nil, errors.New("a request that is none of Lambda's: " + r.Method + " " + r.URL.Path)
	}
	a := &attempt{target: desired.Target{Account: who[1], Region: who[2]}, at: time.Now()}
	a.name.Function = what[1]
	switch what[2] {
	case "":
		a.op = "ListFunctions"
	case "aliases":
		a.op = "ListAliases"
	case "versions":
		a.op = "ListVersionsByFunction"
	case "event-invoke-config/list":
		a.op = "ListFunctionEventInvokeConfigs"
	case "event-invoke-config":
		verbs := map[string]string{http.MethodPut: "Put", http.MethodPost: "Update", http.MethodDelete: "Delete"}
		a.op = verbs[r.Method] + "FunctionEventInvokeConfig"
		if a.name.Qualifier = r.URL.Query().Get("Qualifier"); a.name.Qualifier == "" {
			a.name.Qualifier = desired.Latest
		}
	default:
		return nil, errors.New("no operation of ours: " + r.Method + " " + r.URL.Path)
	}
	if r.Body == nil {
		return a, nil
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	a.body = string(body)
	return a, err
}

package awssim

import (
	"net/http"
	"net/url"
	"strings"
)

// operation is one API call that the world answers.
type operation struct {
	name   string
	action string // IAM action; "" needs no permission
	write  bool   // Put, Update or Delete of an event invoke config
	status int    // of success
	serve  func(*World, *request) (any, *refusal)
}

// request is one call on its way through the world.
type request struct {
	*visit
	op        *operation
	function  string // as in the path, decoded
	qualifier string // as in the query
	query     url.Values
	body      []byte
	dice      dice
	applied   bool   // it changed the world
	release   func() // ends the write window; nil when there is none
}

// lambdaRoutes maps method and path shape, with * for the name, to operations.
var lambdaRoutes = map[string]*operation{
	"PUT 2019-09-25/functions/*/event-invoke-config":      {"PutFunctionEventInvokeConfig", "lambda:PutFunctionEventInvokeConfig", true, 200, (*World).putConfig},
	"POST 2019-09-25/functions/*/event-invoke-config":     {"UpdateFunctionEventInvokeConfig", "lambda:UpdateFunctionEventInvokeConfig", true, 200, (*World).updateConfig},
	"GET 2019-09-25/functions/*/event-invoke-config":      {"GetFunctionEventInvokeConfig", "lambda:GetFunctionEventInvokeConfig", false, 200, (*World).getConfig},
	"DELETE 2019-09-25/functions/*/event-invoke-config":   {"DeleteFunctionEventInvokeConfig", "lambda:DeleteFunctionEventInvokeConfig", true, 204, (*World).deleteConfig},
	"GET 2019-09-25/functions/*/event-invoke-config/list": {"ListFunctionEventInvokeConfigs", "lambda:ListFunctionEventInvokeConfigs", false, 200, (*World).listConfigs},
	"GET 2015-03-31/functions":                            {"ListFunctions", "lambda:ListFunctions", false, 200, (*World).listFunctions},
	"GET 2015-03-31/functions/*":                          {"GetFunction", "lambda:GetFunction", false, 200, (*World).getFunction},
	"GET 2015-03-31/functions/*/configuration":            {"GetFunctionConfiguration", "lambda:GetFunctionConfiguration", false, 200, (*World).getFunctionConfiguration},
	"GET 2015-03-31/functions/*/aliases":                  {"ListAliases", "lambda:ListAliases", false, 200, (*World).listAliases},
	"GET 2015-03-31/functions/*/versions":                 {"ListVersionsByFunction", "lambda:ListVersionsByFunction", false, 200, (*World).listVersions},
	"GET 2017-03-31/tags/*":                               {"ListTags", "lambda:ListTags", false, 200, (*World).listTags},
	"GET 2016-08-19/account-settings":                     {"GetAccountSettings", "lambda:GetAccountSettings", false, 200, (*World).getAccountSettings},
}

// lambdaRoute finds the operation of a path and the name in it. Both come with
// the name percent-encoded, as SDKs send it, and plain.
func lambdaRoute(r *http.Request) (*operation, string) {
	parts := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	name := ""
	if len(parts) > 2 {
		unescaped, err := url.PathUnescape(parts[2])
		if err != nil {
			return nil, ""
		}
		name, parts[2] = unescaped, "*"
	}
	return lambdaRoutes[r.Method+" "+strings.Join(parts, "/")], name
}

var (
	getResources      = &operation{"GetResources", "tag:GetResources", false, 200, (*World).getResources}
	getCallerIdentity = &operation{"GetCallerIdentity", "", false, 200, (*World).getCallerIdentity}
	assumeRole        = &operation{"AssumeRole", "sts:AssumeRole", false, 200, (*World).assumeRole}
)

// route finds what a request asks for.
func route(v *visit, r *http.Request, body []byte) (*request, *refusal) {
	q := &request{visit: v, query: r.URL.Query(), body: body}
	switch v.service {
	case "lambda":
		q.op, q.function = lambdaRoute(r)
		q.qualifier = q.query.Get("Qualifier")
	case "tagging":
		if r.Header.Get("X-Amz-Target") == "ResourceGroupsTaggingAPI_20170126.GetResources" {
			q.op = getResources
		}
	case "sts":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return q, unparsable("the body is not a form: " + err.Error())
		}
		q.query = form
		switch form.Get("Action") {
		case "GetCallerIdentity":
			q.op = getCallerIdentity
		case "AssumeRole":
			q.op = assumeRole
		}
	}
	if q.op == nil {
		return q, notModelled(describe(v.service, r, q.query))
	}
	return q, nil
}

func describe(service string, r *http.Request, form url.Values) string {
	what := r.Method + " " + r.URL.Path
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		what = target
	}
	if action := form.Get("Action"); action != "" {
		what = action
	}
	return what + " of " + service
}

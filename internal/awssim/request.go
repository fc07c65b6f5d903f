package awssim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// request is one call on its way through the world: who, where, when, and what.
type request struct {
	identity
	now       time.Time
	requestID string
	op        *operation
	state     *regionState // of the account and region that it is about
	function  string       // as in the path, decoded
	qualifier string       // as in the query
	query     url.Values
	body      []byte
	agent     string // of the user
	scope     string // what a marker is good for, where that is no function
	rng       rng
	applied   bool   // it changed the world
	release   func() // ends the write window; nil when there is none
}

// serve answers a request without waiting. A release that is not nil ends the
// write window of the function.
func (w *World) serve(r *http.Request, body []byte) (*answer, func()) {
	q := &request{now: time.Now(), requestID: uuid(newRNG(w.seed, "request").nth(uint32(w.ids.Add(1)))), query: r.URL.Query(), body: body, agent: r.UserAgent()}
	var apiErr *apiError
	if q.identity, apiErr = w.identify(r, q.now); apiErr == nil {
		apiErr = q.route(r)
	} else {
		q.route(r) // for the log
	}
	var a *answer
	if apiErr != nil {
		a = q.refuse(apiErr)
	} else {
		a = w.admit(q)
	}
	w.callLog.add(q, a)
	return a, q.release
}

// admit takes a call through quota, faults and permissions to its operation.
func (w *World) admit(q *request) *answer {
	q.state = w.state(q.target())
	switch q.service {
	case "sts":
		return w.perform(q, nil)
	case "sqs", "sns", "events", "s3", "organizations", "account":
		return w.perform(q, q.state.deny)
	}
	faults := w.now().faults
	if faults != (Faults{}) || w.now().quota.ThrottlingException > 0 {
		q.rng = w.attempts.next(w.seed, q)
	}
	denied, throttled := q.state.restrictions(q.function)
	if !q.state.meter.admit(q) || matches(throttled, q.op.action) {
		return w.throttle(q)
	}
	m := drawFault(q.rng, faults)
	if m.prevents() {
		return w.faultAnswer(q, m)
	}
	a := w.perform(q, denied)
	if m == fault504 {
		return w.faultAnswer(q, m)
	}
	if m == faultTruncate && len(a.body) == 0 {
		return a // nothing to cut
	}
	a.fault = m
	return a
}

// perform checks the permission and does the operation, alone in its region.
func (w *World) perform(q *request, denied []string) *answer {
	result, apiErr := w.do(q, denied)
	q.record(apiErr)
	if apiErr != nil {
		return q.refuse(apiErr)
	}
	return q.succeed(result)
}

func (w *World) do(q *request, denied []string) (any, *apiError) {
	if q.op.action != "" {
		if apiErr := q.authorize(denied); apiErr != nil {
			return nil, apiErr
		}
	}
	q.state.mu.Lock()
	defer q.state.mu.Unlock()
	return q.op.serve(w, q)
}

// restrictions are the actions that the region or the function refuses, and those
// that the function always throttles.
func (s *regionState) restrictions(function string) (denied, throttled []string) {
	n, _ := parseName(function)
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.functions[n.name]; f != nil {
		return slices.Concat(s.deny, f.deny), f.throttle
	}
	return s.deny, nil
}

// resource is what a permission has to be for, and what a refusal names.
func (q *request) resource() string {
	if q.service == "sts" {
		return q.query.Get("RoleArn")
	}
	if q.function == "" {
		return "*"
	}
	n, ok := parseName(q.function)
	if !ok {
		return q.function
	}
	return q.arn(n.name)
}

// arn is the unqualified ARN of a function of the caller's account and region.
func (q *request) arn(function string) string {
	return "arn:" + partition(q.region) + ":lambda:" + q.region + ":" + q.account.Account + ":function:" + function
}

// uuid is a version 4 UUID made of a draw.
func uuid(d rng) string {
	a, b := d.value(), d.with("more").value()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", uint32(a>>32), uint16(a>>16), a&0xfff, 0x8000|uint16(b>>48)&0x3fff, b&0xffffffffffff)
}

// operation is one API call that the world answers.
type operation struct {
	name   string
	action string // IAM action; "" needs no permission
	write  bool   // Put, Update or Delete of an event invoke config
	status int    // of success
	serve  func(*World, *request) (any, *apiError)
}

// withBody reads the JSON of a request for an operation.
func withBody[T any](serve func(*World, *request, T) (any, *apiError)) func(*World, *request) (any, *apiError) {
	return func(w *World, q *request) (any, *apiError) {
		var in T
		if err := json.Unmarshal(q.body, &in); err != nil {
			return nil, unparsable(err)
		}
		return serve(w, q, in)
	}
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
	// targetOperations are those of JSON 1.1, by service and X-Amz-Target.
	targetOperations = map[string]map[string]*operation{
		"tagging":    {"ResourceGroupsTaggingAPI_20170126.GetResources": {"GetResources", "tag:GetResources", false, 200, withBody((*World).getResources)}},
		"cloudtrail": {"CloudTrail_20131101.LookupEvents": {"LookupEvents", "cloudtrail:LookupEvents", false, 200, withBody((*World).lookupEvents)}},
		"events":     {"AWSEvents.DescribeEventBus": {"DescribeEventBus", "events:DescribeEventBus", false, 200, withBody((*World).describeEventBus)}},
		"organizations": {
			"AWSOrganizationsV20161128.ListAccounts":                     {"ListAccounts", "organizations:ListAccounts", false, 200, withBody((*World).listOrganizationAccounts)},
			"AWSOrganizationsV20161128.ListAccountsForParent":            {"ListAccountsForParent", "organizations:ListAccountsForParent", false, 200, withBody((*World).listAccountsForParent)},
			"AWSOrganizationsV20161128.ListOrganizationalUnitsForParent": {"ListOrganizationalUnitsForParent", "organizations:ListOrganizationalUnitsForParent", false, 200, withBody((*World).listUnitsForParent)},
		},
		"sqs": {
			"AmazonSQS.GetQueueUrl": {"GetQueueUrl", "sqs:GetQueueUrl", false, 200, withBody((*World).getQueueURL)},
			"AmazonSQS.ListQueues":  {"ListQueues", "sqs:ListQueues", false, 200, withBody((*World).listQueues)},
		},
	}
	// queryOperations are those of the query protocol, by service and Action.
	queryOperations = map[string]map[string]*operation{
		"sts": {
			"GetCallerIdentity": {"GetCallerIdentity", "", false, 200, (*World).getCallerIdentity},
			"AssumeRole":        {"AssumeRole", "sts:AssumeRole", false, 200, (*World).assumeRole},
		},
		"sns": {"GetTopicAttributes": {"GetTopicAttributes", "sns:GetTopicAttributes", false, 200, (*World).getTopicAttributes}},
	}
	headBucket  = &operation{"HeadBucket", "s3:ListBucket", false, 200, (*World).headBucket}
	listRegions = &operation{"ListRegions", "account:ListRegions", false, 200, withBody((*World).listRegions)}
)

// route finds what a request asks for.
func (q *request) route(r *http.Request) *apiError {
	what := r.Method + " " + r.URL.Path
	switch q.service {
	default:
		// CloudTrail's model has a package in front; what counts are the last two parts.
		what = r.Header.Get("X-Amz-Target")
		parts := strings.Split(what, ".")
		q.op = targetOperations[q.service][strings.Join(parts[max(0, len(parts)-2):], ".")]
	case "lambda":
		q.op, q.function = lambdaRoute(r)
		q.qualifier = q.query.Get("Qualifier")
	case "account":
		if what == "POST /listRegions" {
			q.op = listRegions
		}
	case "s3":
		if bucket := bucketOf(r); r.Method == http.MethodHead && bucket != "" {
			q.query, q.op = url.Values{"Bucket": {bucket}}, headBucket
		}
	case "sts", "sns":
		form, err := url.ParseQuery(string(q.body))
		if err != nil {
			return unparsable(err)
		}
		q.query, what = form, form.Get("Action")
		q.op = queryOperations[q.service][what]
	}
	if q.op == nil { // the simulator speaks for itself
		return &apiError{404, "UnknownOperationException", "The simulator does not model " + what + " of " + q.service + ".", bodyBare}
	}
	return nil
}

// identity is who asks, and where.
type identity struct {
	account *Account
	region  string
	service string // "lambda", "sts", "s3", those of the tables above
	key     string // access key id
	arn     string
	userID  string
	deny    []string // of the role
	policy  policy   // of the session; nil allows all
}

// json11 reports whether the service speaks JSON 1.1.
func (id identity) json11() bool { return targetOperations[id.service] != nil }

func (id identity) target() target { return target{id.account.Account, id.region} }

// credentialScope finds what the caller signed for:
// "Credential=KEY/date/region/service/aws4_request".
var credentialScope = regexp.MustCompile(`Credential=([^/,\s]+)/[^/,\s]*/([^/,\s]*)/([^/,\s]*)/aws4_request`)

// accountKey is an access key id that names an account.
var accountKey = regexp.MustCompile(`^(?:AKIA|ASIA)(\d{12})$`)

// identify reads who asks and where from the headers. On a refusal the identity
// still holds the service, whose way of telling errors applies.
func (w *World) identify(r *http.Request, now time.Time) (identity, *apiError) {
	service, region := hostScope(r)
	id := identity{account: w.accounts[0], region: cmp.Or(region, w.DefaultRegion()), service: service}
	authorization := r.Header.Get("Authorization")
	if authorization == "" {
		return id, missingToken
	}
	m := credentialScope.FindStringSubmatch(authorization)
	if m == nil {
		return id, incompleteSignature
	}
	key := m[1]
	id.region, id.service, id.key = cmp.Or(m[2], id.region), m[3], key
	w.mu.RLock()
	s, known := w.sessions[r.Header.Get("X-Amz-Security-Token")]
	w.mu.RUnlock()
	if known {
		s.region, s.service, s.key = id.region, id.service, id.key
		if !now.Before(s.ends) {
			return s.identity, expiredToken
		}
		return s.identity, nil
	}
	if k := accountKey.FindStringSubmatch(key); k != nil {
		a := w.account(k[1])
		if a == nil {
			return id, unrecognizedClient
		}
		id.account = a
	}
	id.arn = "arn:" + partition(id.region) + ":iam::" + id.account.Account + ":user/simulated"
	id.userID = "AIDA" + id.account.Account
	return id, nil
}

// hostScope guesses service and region from a host name such as
// lambda.us-east-1.amazonaws.com.
func hostScope(r *http.Request) (service, region string) {
	labels := strings.Split(strings.ToLower(cmp.Or(r.Host, r.URL.Host)), ".")
	service = strings.TrimSuffix(labels[0], "-fips")
	if queryOperations[service] == nil && targetOperations[service] == nil {
		service = "lambda"
	}
	if len(labels) > 1 && regionPattern.MatchString(labels[1]) {
		region = labels[1]
	}
	return service, region
}

// partition is the part of AWS that a region belongs to, as it stands in ARNs.
func partition(region string) string {
	for _, p := range [][2]string{
		{"cn-", "aws-cn"}, {"us-gov-", "aws-us-gov"}, {"us-iso-", "aws-iso"}, {"us-isob-", "aws-iso-b"},
		{"us-isof-", "aws-iso-f"}, {"eu-isoe-", "aws-iso-e"}, {"eusc-", "aws-eusc"},
	} {
		if strings.HasPrefix(region, p[0]) {
			return p[1]
		}
	}
	return "aws"
}

// authorize refuses an action that the account, the role or one of the patterns
// denies, or that the session's policy does not allow.
func (q *request) authorize(denied []string) *apiError {
	action, resource, by := q.op.action, q.resource(), "identity-based"
	if !matches(denied, action) && !matches(q.account.Deny, action) && !matches(q.deny, action) {
		if q.policy == nil || q.policy.allows(action, resource) {
			return nil
		}
		by = "session"
	}
	return accessDenied("User: " + q.identity.arn + " is not authorized to perform: " + action + " on resource: " + resource +
		" because no " + by + " policy allows the " + action + " action")
}

// matches says whether one of the IAM action patterns covers the action. IAM
// does not mind the case of actions.
func matches(patterns []string, action string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(strings.ToLower(p), strings.ToLower(action)); ok {
			return true
		}
	}
	return false
}

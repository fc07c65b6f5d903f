package awslambda

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// sentence is one thing that this package can say of its own: what is wrong, and
// what to do about it. Names in braces are filled in.
type sentence struct{ what, hint string }

var (
	noRegion = sentence{"no AWS region is set",
		"set AWS_REGION, or region in the profile, or declare targets in the fleet file"}
	badConfiguration = sentence{"the AWS configuration cannot be used: {reason}",
		"check AWS_PROFILE and ~/.aws/config"}
	endpointWithoutScheme = sentence{"{name}={value} does not begin with http:// or https://",
		"write {name}={better}"}
	endpointNotURL = sentence{"{name}={value} is not a URL that requests can be sent to",
		"write it as https://HOST or http://HOST:PORT"}

	noCredentials = sentence{"no AWS credentials were found in the environment, in the profile {profile}, or from the container or instance",
		"set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in with aws sso login"}
	halfCredentials = sentence{"{have} is set and {missing} is not, so they were not used, and no other AWS credentials were found",
		"set both variables, or neither and AWS_PROFILE"}
	badCredentials = sentence{"the AWS credentials cannot be obtained: {reason}",
		"check AWS_PROFILE and what it refers to in ~/.aws/config"}
	ssoExpired = sentence{"the SSO session has ended, or was never begun",
		"log in with aws sso login, with --profile where AWS_PROFILE is not set, and run again"}
	ssoNoRole = sentence{"IAM Identity Center gives no such role in that account",
		"correct sso_account_id and sso_role_name of the profile {profile}, or have the role assigned to you"}
	noMFACode = sentence{"the profile {profile} asks for an MFA code, and none was entered",
		"run in a terminal and enter it, or give credentials that have the code already, as aws configure export-credentials prints them"}
	credentialsUnreachable = sentence{"the AWS credentials cannot be obtained: {reason}", checkNetwork}
	roleUnreachable        = sentence{"the role {role} cannot be assumed: {reason}", checkNetwork}
	roleRefused            = sentence{"",
		"let the trust policy of {role} name the caller and the declared external_id, and allow the caller sts:AssumeRole on it"}
	otherAccount = sentence{"the credentials are of account {theirs} ({caller}), and the target is account {account}",
		"set role_arn on the target to a role of account {account}, or use credentials of that account"}
	otherAccountRole = sentence{"the credentials are of account {theirs} ({caller}), and the target is account {account}",
		"{role} belongs to account {theirs}: correct role_arn or account"}
	sessionOver    = sentence{"", "renew the credentials, such as with aws sso login, and run again"}
	clockOff       = sentence{"", "check this machine's clock, and that secret key and session token belong to the access key"}
	stsOff         = sentence{"", "activate STS in {region} in the account's IAM settings, or enable the region, under Account, AWS Regions; or take the target out of the fleet file"}
	regionOff      = sentence{"", "enable the region {region} for account {account}, under Account, AWS Regions, or take the target out of the fleet file"}
	regionOrKey    = sentence{"", "enable the region {region} for account {account} if it is not: a region that is off knows no key; else check AWS_PROFILE and the access key"}
	keyNotAccepted = sentence{"", "check AWS_PROFILE and the access key, and that the region is enabled for the account"}

	badProxy = sentence{"what {name} is set to is not the URL of a proxy",
		"write it as http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, with % as %25 and @ as %40 in the password"}
	deadProxy = sentence{"the proxy {proxy} cannot be reached on the way to {host}: {reason}",
		"correct HTTPS_PROXY or HTTP_PROXY, or list the host in NO_PROXY"}
	proxyRefused = sentence{"the proxy {proxy} did not connect to {host}: {reason}",
		"let the proxy allow the host, or list it in NO_PROXY; check the region and AWS_ENDPOINT_URL"}
	proxyWantsCredentials = sentence{"the proxy {proxy} wants credentials (407)",
		"write user name and password into HTTPS_PROXY, as http://USER:PASSWORD@HOST:PORT"}
	notTrusted = sentence{"the certificate of {host} is not trusted: {reason}",
		"name the file with the certificate of your proxy or endpoint in AWS_CA_BUNDLE, or correct AWS_ENDPOINT_URL"}
	noTLS = sentence{"{host} does not speak TLS",
		"write http:// in AWS_ENDPOINT_URL or HTTPS_PROXY, if that is meant"}
	noAnswerInTime = sentence{"no answer from {host} within the time for one request", ""}
	noSuchHost     = sentence{"{host} cannot be reached: there is no host of that name", ""}
	unreachable    = sentence{"{host} cannot be reached: {reason}", ""}
	noAnswer       = sentence{"no answer from {host}: {reason}", ""}
	notByAWS       = sentence{"", "run again; if it stays, something on the way answers in place of AWS: " + checkNetwork}

	misspeltRegion = sentence{"", "correct the region {region}, which is none of AWS's; did you mean {near}?"}

	interrupted = sentence{"it was interrupted before an answer came", ""}
	outOfTime   = sentence{"the run's time was up before an answer came", ""}
)

const checkNetwork = "check the network, the proxy settings, the region and AWS_ENDPOINT_URL"

func (s sentence) fill(pairs ...string) (what, hint string) {
	for i := 0; i < len(pairs); i += 2 {
		pairs[i] = "{" + pairs[i] + "}"
	}
	r := strings.NewReplacer(pairs...)
	return r.Replace(s.what), r.Replace(s.hint)
}

// say is a sentence as an error of its own, about no request.
func say(s sentence, pairs ...string) error {
	what, hint := s.fill(pairs...)
	return &callerr.Error{Kind: callerr.Invalid, Message: what, Hint: hint}
}

// hints say what to do about an answer, by its kind, where its text says no more.
var hints = map[callerr.Kind]string{
	callerr.Throttled:       "other callers spend the same quota; run again later{pace}",
	callerr.Conflict:        "the function is being updated; run again when its deployment is done",
	callerr.Denied:          "allow {statement} for the caller",
	callerr.FunctionMissing: "create the function, or take its entries out of the fleet file; check account and region",
	callerr.Server:          "AWS failed; run again, and report the request id to AWS support if it stays",
	callerr.Transport:       "run again; if it stays, " + checkNetwork,
	callerr.BadAnswer:       "check that AWS_ENDPOINT_URL and the proxy settings lead to AWS, and run again",
	callerr.Invalid:         "correct what the message names, and run again",
}

const (
	hintWriteOpen  = "the write may or may not have been done; run again, which reads what is there first"
	hintPutMissing = "create the function {function} and its alias or version {qualifier}, or take the entry out of the fleet file"
)

// The codes under which services say several things, or one that needs its own hint.
const (
	codeInvalid    errorCode = "InvalidParameterValueException"
	codeValidation errorCode = "ValidationException"
	codeNotFound   errorCode = "ResourceNotFoundException"

	codeAccessDenied   errorCode = "AccessDeniedException"
	codeNoOrganization errorCode = "AWSOrganizationsNotInUseException"
	codeNoParent       errorCode = "ParentNotFoundException"
)

// refusalText tells apart what AWS says under one code. This table is the only
// place where a message text decides anything.
type refusalText struct {
	code errorCode
	text string // a part of the message, as AWS wrote it in recorded answers
	kind callerr.Kind
	hint string
}

// roleText marks a refusal because of the function's own role. Its hint depends
// on the verb in the message.
const roleText = "does not have permissions to call"

var refusalTexts = []refusalText{
	{codeInvalid, roleText, callerr.Role, ""},
	{codeInvalid, "The destination ARN ", callerr.Refused,
		"check that the destination exists, in this account and partition; if it was created just now, run again"},
	{codeInvalid, "You can't specify the function as a destination for itself", callerr.Refused,
		"name another destination: a function that feeds itself would loop"},
	{codeInvalid, "The provided destination config DestinationConfig(", callerr.Refused,
		"use a standard SQS queue or SNS topic (not FIFO), a function, an event bus, or for on_failure only an S3 bucket as arn:PARTITION:s3:::NAME"},
	{codeInvalid, "FIFO-type Amazon SNS topics aren't supported as a destination", callerr.Refused,
		"use a standard SNS topic: FIFO topics are no destinations"},
	{codeInvalid, "Error occurred while ListBucket. S3 Error Code: 404", callerr.Refused,
		"create the bucket, or correct its name"},
	{codeInvalid, "Error occurred while ", callerr.Role,
		"allow s3:PutObject and s3:ListBucket on the bucket for the function's execution role, and check that the bucket exists; a fresh permission took about 30 s to count"},
	{codeInvalid, "You must specify at least one of error handling or destination setting", callerr.Invalid,
		"declare at least one setting, or remove: true to have no record"},
	{codeInvalid, "The derived qualifier from the function name does not match", callerr.Invalid,
		"give the qualifier once: in the function's name or beside it"},
	{codeInvalid, "The function name must not include a version number or alias", callerr.Invalid,
		"list by the plain function name: the answer holds all qualifiers"},
	{codeInvalid, "Invalid pagination key", callerr.Invalid,
		"run again: the listing changed while it was read"},
	{codeValidation, "estination' failed to satisfy constraint", callerr.Invalid,
		"write the destination as an ARN of at most 350 characters; a queue URL is not one"},
	{codeNotFound, "doesn't have an EventInvokeConfig", callerr.RecordMissing,
		"the record is not there, or not any more; run again to plan from what is"},
	{codeNotFound, "are not reachable in this region", callerr.Invalid,
		"put the function under the target of its own region"},
	{codeNotFound, "Alias not found:", callerr.FunctionMissing,
		"create the alias, or take its entry out of the fleet file"},

	// Of Organizations and of Account Management, which are asked with the base credentials.
	{codeNoOrganization, "", callerr.Invalid,
		"use credentials of the account that manages the organization, or of a delegated administrator; check AWS_PROFILE"},
	{codeNoParent, "", callerr.Invalid,
		"correct the id under units, or use credentials of the organization that has it"},
	{codeAccessDenied, "You don't have permissions to access this resource", callerr.Denied,
		"use credentials of the account that manages the organization, or of a delegated administrator, and allow them {statement}"},
	{codeAccessDenied, "must first enable trusted access with AWS Account Management", callerr.Denied,
		"run aws organizations enable-aws-service-access --service-principal account.amazonaws.com in the management account, or list the regions in place of enabled"},
	{codeAccessDenied, "The management account can only be managed using the standalone context", callerr.Denied,
		"leave the account out, under exclude, or use its own credentials"},
	{codeAccessDenied, "account:ListRegions", callerr.Denied,
		"allow {statement} for the caller, leave the account out, under exclude, or list the regions in place of enabled"},
}

func textOf(code errorCode, message string) (refusalText, bool) {
	i := slices.IndexFunc(refusalTexts, func(t refusalText) bool { return t.code == code && strings.Contains(message, t.text) })
	if i < 0 {
		return refusalText{}, false
	}
	return refusalTexts[i], true
}

// The services, as errors name them.
const (
	serviceLambda  = "lambda"
	serviceSTS     = "sts"
	serviceTagging = "tagging"
)

// call is what was asked: the operation and its subject.
type call struct {
	service string
	op      string
	target  desired.Target
	subject string       // in place of target and name
	name    desired.Name // no Function where the call is about the whole target
	creds   *credentials // whose secrets its errors must not show
}

// about is the call's key, or its target.
func (c call) about() string {
	switch {
	case c.subject != "":
		return c.subject
	case c.name.Function == "":
		return c.target.String()
	}
	return desired.Key{Target: c.target, Name: c.name}.String()
}

// hint is what a person can do about a failure.
func (c call) hint(f *failure) string {
	_, writes := writeOperations[c.op]
	hint := f.hint
	switch t, known := textOf(f.code, f.message); {
	case hint != "":
	case known && t.text == roleText:
		hint = roleHint(f.message)
	case known:
		hint = t.hint
	case f.kind == callerr.Credentials:
		hint = c.credentialsHint(f)
	case f.kind == callerr.Transport && writes:
		hint = hintWriteOpen
	case f.kind == callerr.FunctionMissing && c.op == opPut && c.name.Qualifier != desired.Latest:
		hint = hintPutMissing
	default:
		hint = hints[f.kind]
	}
	pace := ""
	if c.service == serviceLambda {
		pace = ", or lower --rate-share"
	}
	return strings.NewReplacer("{statement}", c.statement(), "{pace}", pace, "{region}", c.target.Region, "{account}", c.target.Account,
		"{function}", c.name.Function, "{qualifier}", c.name.Qualifier).Replace(hint)
}

// credentialsHint is about credentials that were there and were not accepted.
func (c call) credentialsHint(f *failure) string {
	switch {
	case f.code.expired():
		return sessionOver.hint
	case f.code.skewed():
		return clockOff.hint
	case f.code.regionOff() && c.service == serviceSTS:
		return stsOff.hint
	case f.code.regionOff():
		return regionOff.hint
	case f.code.unknownKey() && c.service == serviceLambda && c.target.Account != "":
		// STS has named the account by the same key before.
		return regionOrKey.hint
	}
	return keyNotAccepted.hint
}

// statement is the IAM statement that a call needs. Lambda checks a call with a
// qualifier against the qualified ARN, so a policy needs both forms.
func (c call) statement() string {
	if of, ok := insights[c.op]; ok && c.service != serviceLambda {
		if !strings.HasPrefix(c.subject, "arn:") {
			return of.permission + " on *"
		}
		return of.permission + " on " + c.subject
	}
	switch {
	case c.service == serviceTagging:
		return "tag:" + c.op + " on *"
	case c.service == "organizations", c.service == "account":
		return c.service + ":" + c.op + " on *"
	case c.service != serviceLambda:
		return c.service + ":" + c.op
	case c.name.Function == "":
		return "lambda:" + c.op + " on *"
	}
	arn := strings.TrimSuffix(desired.Key{Target: c.target, Name: desired.Name{Function: c.name.Function, Qualifier: desired.Latest}}.ARN(), ":"+desired.Latest)
	return "lambda:" + c.op + " on " + arn + " and " + arn + ":*"
}

// roleVerbs maps the verb in Lambda's text to the permissions that the
// function's role needs. PutEvents and PutObject follow the developer guide;
// the others were recorded.
var roleVerbs = map[string]string{
	"SendMessage":    "sqs:SendMessage",
	"Publish":        "sns:Publish",
	"InvokeFunction": "lambda:InvokeFunction",
	"PutEvents":      "events:PutEvents",
	"PutObject":      "s3:PutObject and s3:ListBucket",
	"ListBucket":     "s3:PutObject and s3:ListBucket",
}

func roleHint(message string) string {
	_, after, _ := strings.Cut(message, roleText)
	verb, rest, _ := strings.Cut(strings.TrimSpace(after), " ")
	permission, ok := roleVerbs[verb]
	if !ok {
		permission = "the permission to " + verb
	}
	on := "the destination"
	if _, arn, ok := strings.Cut(" "+rest, " on "); ok && strings.HasPrefix(arn, "arn:") {
		on = strings.TrimRight(strings.Fields(arn)[0], ".")
	}
	return fmt.Sprintf("allow %s on %s for the function's own execution role; a fresh permission took about 30 s to count", permission, on)
}

var errNoMFACode = errors.New("no MFA code")

var regionInHost = regexp.MustCompile(`\.([a-z0-9-]+)\.(?:amazonaws|api)\.`)

// regionIn is the region in the name of one of AWS's hosts, or "".
func regionIn(host string) string {
	if m := regionInHost.FindStringSubmatch(host); m != nil {
		return m[1]
	}
	return ""
}

// nearRegions are the regions from which a misspelt one is one slip away: what
// differs between equal beginnings and equal ends has two letters at most. Unlike a fleet
// file, a host of that name does not exist, so that another number is a slip here too.
func nearRegions(region string) (near []string) {
	known := desired.Regions()
	if region == "" || slices.Contains(known, region) {
		return nil
	}
	for _, r := range known {
		a, b := region, r
		for a != "" && b != "" && a[0] == b[0] {
			a, b = a[1:], b[1:]
		}
		for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
			a, b = a[:len(a)-1], b[:len(b)-1]
		}
		if max(len(a), len(b)) <= 2 {
			near = append(near, r)
		}
	}
	return near
}

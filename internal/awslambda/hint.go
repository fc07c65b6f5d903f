package awslambda

import (
	"errors"
	"fmt"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// call is what was asked: the operation and its subject.
type call struct {
	op     string
	target desired.Target
	name   desired.Name // no Function where the call is about the whole target
	keys   *keyring     // whose secrets its errors must not show
}

// subject is the call's key, or its target.
func (c call) subject() string {
	if c.name.Function == "" {
		return c.target.String()
	}
	return desired.Key{Target: c.target, Name: c.name}.String()
}

// hint is what a person can do about a failure.
func (c call) hint(f *failure) string {
	if t, ok := textOf(f.code, f.message); ok {
		if t.text == roleText {
			return roleHint(f.message)
		}
		return t.hint
	}
	switch f.kind {
	case reconcile.KindThrottled:
		if c.op == opGetResources || c.op == opGetCallerIdentity || c.op == opAssumeRole {
			return "other callers spend the same quota; run again later"
		}
		return "other callers spend the same quota; run again later, or lower --rate-share"
	case reconcile.KindConflict:
		return "the function is being updated; run again when its deployment is done"
	case reconcile.KindDenied:
		return "allow " + c.statement() + " for the caller"
	case reconcile.KindCredentials:
		return credentialsHint(f)
	case reconcile.KindFunctionMissing:
		return c.missingHint()
	case reconcile.KindServer:
		return "AWS failed; run again, and report the request id to AWS support if it stays"
	case reconcile.KindTransport:
		return c.transportHint()
	case reconcile.KindBadAnswer:
		return "check that AWS_ENDPOINT_URL and the proxy settings lead to AWS, and run again"
	case reconcile.KindInvalid:
		return "correct what the message names, and run again"
	}
	return ""
}

// statement is the IAM statement that a call needs. Lambda checks a call with a
// qualifier against the qualified ARN, so a policy needs both forms.
func (c call) statement() string {
	switch c.op {
	case opGetResources:
		return "tag:GetResources on *"
	case opGetCallerIdentity, opAssumeRole:
		return "sts:" + c.op
	}
	action := "lambda:" + c.op
	if c.name.Function == "" {
		return action + " on *"
	}
	arn := fmt.Sprintf("arn:%s:lambda:%s:%s:function:%s", c.target.Partition(), c.target.Region, c.target.Account, c.name.Function)
	return action + " on " + arn + " and " + arn + ":*"
}

func (c call) missingHint() string {
	if c.op == opPut && c.name.Qualifier != desired.Latest {
		return fmt.Sprintf("create the function %s and its alias or version %s, or take the entry out of the fleet file", c.name.Function, c.name.Qualifier)
	}
	return "create the function, or take its entries out of the fleet file; check account and region"
}

func (c call) transportHint() string {
	if _, writes := writeOperations()[c.op]; writes {
		return "the write may or may not have been done; run again, which reads what is there first"
	}
	return "run again; if it stays, " + checkNetwork
}

const checkNetwork = "check the network, the proxy settings, the region and AWS_ENDPOINT_URL"

func credentialsHint(f *failure) string {
	var missing *credentialsError
	switch {
	case f.code.expired():
		return "renew the credentials, such as by aws sso login, and run again"
	case f.code.skewed():
		return "check this machine's clock, and that secret key and session token belong to the access key"
	case errors.As(f.cause, &missing) && missing.unreachable() != "":
		return checkNetwork
	case missing != nil && missing.role != "":
		return "let the trust policy of " + missing.role + " name the caller and the declared external_id, and allow the caller sts:AssumeRole on it"
	case missing != nil:
		return "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in by aws sso login"
	}
	return "check AWS_PROFILE and the access key, and that the region is enabled for the account"
}

// roleVerbs maps the verb in Lambda's text to the permissions that the
// function's role needs. PutEvents and PutObject follow the developer guide;
// the others were recorded.
func roleVerbs() map[string]string {
	return map[string]string{
		"SendMessage":    "sqs:SendMessage",
		"Publish":        "sns:Publish",
		"InvokeFunction": "lambda:InvokeFunction",
		"PutEvents":      "events:PutEvents",
		"PutObject":      "s3:PutObject and s3:ListBucket",
		"ListBucket":     "s3:PutObject and s3:ListBucket",
	}
}

func roleHint(message string) string {
	_, after, _ := strings.Cut(message, roleText)
	verb, rest, _ := strings.Cut(strings.TrimSpace(after), " ")
	permission, ok := roleVerbs()[verb]
	if !ok {
		permission = "the permission to " + verb
	}
	on := "the destination"
	if _, arn, ok := strings.Cut(" "+rest, " on "); ok && strings.HasPrefix(arn, "arn:") {
		on = strings.TrimRight(strings.Fields(arn)[0], ".")
	}
	return "allow " + permission + " on " + on +
		" for the function's own execution role; a fresh permission took about 30 s to count"
}

package events

import (
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/eventinvoke/eventinvoke/reconcile"
)

// The names of roles and sessions that say more than they seem to.
var (
	// ssoRole is a role of IAM Identity Center, whose sessions are named after people.
	ssoRole = regexp.MustCompile(`^AWSReservedSSO_`)
	// ourSession is how a run names the sessions of roles that it assumes.
	ourSession = regexp.MustCompile(`^eventinvoke-(\d{8}T\d{6}Z-[0-9a-f]{8})$`)
)

// longest bounds names that come from outside.
const longest = 256

// authorOf reads the parts of a record that say who.
func authorOf(r object) reconcile.Author {
	identity := r.object("userIdentity")
	a := reconcile.Author{Principal: principal(identity), Client: clientOf(r, identity)}
	// arn:aws:iam::111111111111:user/path/NAME, arn:aws:sts::111111111111:assumed-role/NAME/SESSION
	who, _ := arn.Parse(identity.text("arn")) // what is none names nobody
	parts := strings.Split(who.Resource, "/")
	last := parts[len(parts)-1]
	issuer := identity.object("sessionContext").object("sessionIssuer")
	switch identity.text("type") {
	case "Root":
		a.Kind, a.Name = "account", "root"
	case "IAMUser":
		a.Kind, a.Name = "user", first(identity.text("userName"), last)
	case "AssumedRole", "Role":
		a.Kind, a.Name = "role", issuer.text("userName")
		if a.Name == "" && len(parts) > 1 {
			a.Name = parts[1]
		}
		if ssoRole.MatchString(a.Name) && len(parts) > 2 {
			a.Kind, a.Name = "user", last
		}
	case "AWSService":
		a.Kind, a.Name = "service", identity.text("invokedBy")
	case "AWSAccount":
		a.Kind, a.Name = "account", identity.text("accountId")
	default:
		a.Kind, a.Name = "user", first(identity.text("userName"), issuer.text("userName"), last, identity.text("principalId"))
	}
	if a.Name == "" {
		a.Kind = ""
	}
	if m := ourSession.FindStringSubmatch(last); m != nil && ownAgent.MatchString(r.text("userAgent")) {
		a.Run = m[1]
	}
	for _, s := range []*string{&a.Principal, &a.Name, &a.Client} {
		*s = bounded(*s)
	}
	return a
}

// agents are parts of user agents, in lower case, and the clients that send them. The
// first that fits counts: what is built upon another client names both.
var agents = []struct{ part, client string }{
	{"cloudformation.amazonaws.com", "CloudFormation"},
	{"opentofu/", "OpenTofu"},
	{"terraform", "Terraform"},
	{"pulumi", "Pulumi"},
	{"serverless", "Serverless"},
	{"console.amazonaws.com", "console"},
	{"signin.amazonaws.com", "console"},
	{"mozilla/", "console"},
	{"aws-cli/", "aws-cli"},
	{"boto3/", "boto3"},
}

// clientOf is what a call was made with.
func clientOf(r, identity object) string {
	agent := r.text("userAgent")
	via := first(identity.text("invokedBy"), r.text("invokedBy"))
	if service, ok := strings.CutSuffix(via, ".amazonaws.com"); ok {
		if service == "cloudformation" {
			return "CloudFormation"
		}
		return service
	}
	if ownAgent.MatchString(agent) {
		return "eventinvoke"
	}
	lower := strings.ToLower(agent)
	for _, known := range agents {
		if strings.Contains(lower, known.part) {
			return known.client
		}
	}
	if r.text("sessionCredentialFromConsole") == "true" {
		return "console"
	}
	token := strings.FieldsFunc(agent, func(c rune) bool { return strings.ContainsRune(" /[](),;", c) })
	if len(token) == 0 {
		return ""
	}
	return token[0]
}

// bounded is a text of at most longest bytes, cut between two characters.
func bounded(s string) string {
	if len(s) <= longest {
		return s
	}
	return strings.ToValidUTF8(s[:longest], "")
}

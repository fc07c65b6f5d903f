package events

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// Kind is how far a hint reaches.
type Kind uint8

// The kinds, narrowest first.
const (
	Key      Kind = iota // one qualifier of one function
	Function             // every qualifier of one function
	Target               // everything in one account and region
	All                  // everything: a schedule fired
	Files                // a stored object changed, perhaps a fleet file: then everything
)

// Hint says that something may have changed, and where.
type Hint struct {
	Kind      Kind
	Target    desired.Target // for Target, Function and Key
	Function  string         // for Function and Key
	Qualifier string         // for Key; never empty there
	Object    string         // for Files: s3://bucket/key

	RestOf string // of an item: the run that had no time for it; "" for a run of its own

	EventID   string         // to tell doubled deliveries; "" when the event has none
	EventTime time.Time      // when it happened; zero when the event does not say
	EventName string         // the API call without its version suffix, such as CreateAlias
	Author    insight.Author // who made the call, as CloudTrail tells it

	// Echo marks a call that eventinvoke itself made, by its user agent. The
	// identity alone would not do: people share roles. Somebody who forges the
	// user agent is found by the next sweep.
	Echo bool
	// Failed marks a call that AWS refused, so that nothing has changed. Such a
	// hint may lack its function.
	Failed bool
}

// hintOf is of kind Key where the name has a qualifier, else Function. Where the
// name does not say it, the function lives at home.
func hintOf(n desired.ParsedName, home desired.Target) Hint {
	h := Hint{
		Kind: Function, Function: n.Function,
		Target: desired.Target{Account: cmp.Or(n.Account, home.Account), Region: cmp.Or(n.Region, home.Region)},
	}
	if n.Qualifier != "" {
		h.Kind, h.Qualifier = Key, n.Qualifier
	}
	return h
}

// isQualifier holds a qualifier that stands apart from its function against the
// same rules as one that stands behind it.
func isQualifier(s string) bool {
	_, err := desired.ParseName("f:" + s)
	return err == nil
}

// Key is the record that a hint of kind Key is about.
func (h Hint) Key() desired.Key {
	return desired.Key{Target: h.Target, Name: desired.Name{Function: h.Function, Qualifier: h.Qualifier}}
}

// Asked reports whether somebody named this very place, in an item of work, as
// opposed to a call that happened there.
func (h Hint) Asked() bool { return h.EventName == "" && h.Kind <= Target }

// WritesRecord reports whether the call behind the hint was one that changes an
// event invoke config, as opposed to the function around it.
func (h Hint) WritesRecord() bool {
	return calls[h.EventName] == ofRecord
}

// shape says which part of a record names what the call was about.
type shape uint8

const (
	ofNothing  shape = iota
	ofRecord         // functionName and qualifier: an event invoke config
	ofFunction       // functionName
	ofVersion        // functionName, and the version in the answer
	ofAlias          // functionName and name
	ofResource       // resource: an ARN
)

// calls are the Lambda calls after which a record may differ from what is
// declared, or a rule may choose another set of functions.
var calls = map[string]shape{
	"PutFunctionEventInvokeConfig":    ofRecord,
	"UpdateFunctionEventInvokeConfig": ofRecord,
	"DeleteFunctionEventInvokeConfig": ofRecord,
	"CreateFunction":                  ofFunction,
	"DeleteFunction":                  ofFunction,
	"PublishVersion":                  ofVersion,
	"CreateAlias":                     ofAlias,
	"UpdateAlias":                     ofAlias,
	"DeleteAlias":                     ofAlias,
	"TagResource":                     ofResource,
	"UntagResource":                   ofResource,
}

// versioned is how CloudTrail spells Lambda's calls: most carry the date of the
// API version behind the name (CreateFunction20150331, TagResource20170331v2),
// the newer ones do not.
var versioned = regexp.MustCompile(`^([A-Za-z]+?)(\d{8}(v\d+)?)?$`)

// callName is the API call's name without its version, or "".
func callName(eventName string) string {
	m := versioned.FindStringSubmatch(eventName)
	if m == nil {
		return ""
	}
	return m[1]
}

// ownAgent matches the application id that our SDK clients send.
var ownAgent = regexp.MustCompile(`(^|[\s\[])app/eventinvoke-`)

// fromCloudTrail reads a CloudTrail record. The envelope names the target where
// the record does not; a bare record is its own envelope.
func fromCloudTrail(r, envelope object) ([]Hint, error) {
	if r == nil {
		return nil, fmt.Errorf("the CloudTrail event %.40q has no record in detail; send it as AWS delivers it", envelope.text("id"))
	}
	if source := r.text("eventSource"); source != "" && source != "lambda.amazonaws.com" {
		return nil, nil
	}
	call := callName(r.text("eventName"))
	shape := calls[call]
	if shape == ofNothing {
		return nil, nil
	}
	home := desired.Target{
		Account: cmp.Or(r.text("recipientAccountId"), envelope.text("account")),
		Region:  cmp.Or(r.text("awsRegion"), envelope.text("region")),
	}
	h, ok := hintAbout(shape, r, home)
	failed := cmp.Or(r.text("errorCode"), r.text("errorMessage")) != ""
	if !ok && !failed {
		if shape == ofResource {
			return nil, nil // layers, event source mappings and others have tags too
		}
		return nil, fmt.Errorf("the record %.40q of %s names no function; the next sweep will find what it changed", r.text("eventID"), call)
	}
	if !failed && !h.Target.Valid() {
		return nil, fmt.Errorf("the record %.40q of %s has account %.40q and region %.40q, which do not name a target; the next sweep will find what it changed",
			r.text("eventID"), call, h.Target.Account, h.Target.Region)
	}
	h.EventID, h.EventName, h.Author = cmp.Or(r.text("eventID"), envelope.text("id")), call, authorOf(r)
	if h.EventTime = r.time("eventTime"); h.EventTime.IsZero() {
		h.EventTime = envelope.time("time")
	}
	h.Echo, h.Failed = ownAgent.MatchString(r.text("userAgent")), failed
	return []Hint{h}, nil
}

// Record reads one CloudTrail record, such as LookupEvents gives it as text. Where
// the record does not say where it happened, it is the target that was asked.
func Record(data []byte, home desired.Target) ([]Hint, error) {
	account, _ := json.Marshal(home.Account) // a string
	region, _ := json.Marshal(home.Region)
	return fromCloudTrail(asObject(data), object{"account": account, "region": region})
}

// hintAbout finds what a call was about.
func hintAbout(shape shape, r object, home desired.Target) (Hint, bool) {
	parameters := r.object("requestParameters")
	if shape == ofResource {
		n, err := desired.ParseName(parameters.text("resource"))
		n.Qualifier = "" // tags belong to the whole function
		return hintOf(n, home), err == nil && n.Region != ""
	}
	n, err := desired.ParseName(parameters.text("functionName"))
	if err != nil {
		return Hint{Kind: Target, Target: home}, false
	}
	switch shape {
	case ofRecord:
		n.Qualifier = cmp.Or(parameters.text("qualifier"), n.Qualifier, desired.Latest)
	case ofVersion:
		n.Qualifier = r.object("responseElements").text("version")
	case ofAlias:
		n.Qualifier = parameters.text("name")
	default:
		n.Qualifier = ""
	}
	if !isQualifier(n.Qualifier) {
		n.Qualifier = "" // an odd qualifier still names its function
	}
	return hintOf(n, home), true
}

// principal is the best name CloudTrail has for whoever made the call.
func principal(identity object) string {
	return cmp.Or(
		identity.text("arn"),
		identity.object("sessionContext").object("sessionIssuer").text("arn"),
		identity.text("invokedBy"),
		identity.text("principalId"),
		identity.text("accountId"),
	)
}

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
func authorOf(r object) insight.Author {
	identity := r.object("userIdentity")
	a := insight.Author{Principal: principal(identity), Client: clientOf(r, identity)}
	// arn:aws:iam::111111111111:user/path/NAME, arn:aws:sts::111111111111:assumed-role/NAME/SESSION
	who, _ := arn.Parse(identity.text("arn")) // what is none names nobody
	parts := strings.Split(who.Resource, "/")
	last := parts[len(parts)-1]
	issuer := identity.object("sessionContext").object("sessionIssuer")
	switch identity.text("type") {
	case "Root":
		a.Kind, a.Name = "account", "root"
	case "IAMUser":
		a.Kind, a.Name = "user", cmp.Or(identity.text("userName"), last)
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
		a.Kind, a.Name = "user", cmp.Or(identity.text("userName"), issuer.text("userName"), last, identity.text("principalId"))
	}
	if a.Name == "" {
		a.Kind = ""
	}
	if m := ourSession.FindStringSubmatch(last); m != nil && ownAgent.MatchString(r.text("userAgent")) {
		a.RunID = m[1]
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
	via := cmp.Or(identity.text("invokedBy"), r.text("invokedBy"))
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

package awssim

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"

// session is what AssumeRole hands out.
type session struct {
	identity
	ends time.Time
}

type callerIdentity struct {
	XMLName xml.Name `xml:"GetCallerIdentityResponse"`
	XMLNS   string   `xml:"xmlns,attr"`
	Arn     string   `xml:"GetCallerIdentityResult>Arn"`
	UserID  string   `xml:"GetCallerIdentityResult>UserId"`
	Account string   `xml:"GetCallerIdentityResult>Account"`
	Request string   `xml:"ResponseMetadata>RequestId"`
}

// getCallerIdentity needs no permission, and cannot be denied.
func (w *World) getCallerIdentity(q *request) (any, *apiError) {
	return callerIdentity{XMLNS: stsNamespace, Arn: q.identity.arn, UserID: q.userID, Account: q.account.Account, Request: q.requestID}, nil
}

type assumedRole struct {
	XMLName         xml.Name `xml:"AssumeRoleResponse"`
	XMLNS           string   `xml:"xmlns,attr"`
	AccessKeyID     string   `xml:"AssumeRoleResult>Credentials>AccessKeyId"`
	SecretAccessKey string   `xml:"AssumeRoleResult>Credentials>SecretAccessKey"`
	SessionToken    string   `xml:"AssumeRoleResult>Credentials>SessionToken"`
	Expiration      string   `xml:"AssumeRoleResult>Credentials>Expiration"`
	Arn             string   `xml:"AssumeRoleResult>AssumedRoleUser>Arn"`
	AssumedRoleID   string   `xml:"AssumeRoleResult>AssumedRoleUser>AssumedRoleId"`
	Request         string   `xml:"ResponseMetadata>RequestId"`
}

var (
	roleARN         = regexp.MustCompile(`^arn:[a-z-]+:iam::(\d{12}):role/([\w+=,.@/-]+)$`)
	roleSessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
)

func badSTS(message string) *apiError { return badRequest("ValidationError", message) }

// assumeRole hands out a session of a role in an account of the scenario.
func (w *World) assumeRole(q *request) (any, *apiError) {
	arn, name := q.query.Get("RoleArn"), q.query.Get("RoleSessionName")
	m := roleARN.FindStringSubmatch(arn)
	lifetime, apiErr := q.lifetime()
	switch {
	case m == nil:
		return nil, badSTS(arn + " is invalid")
	case !roleSessionName.MatchString(name):
		return nil, badSTS("1 validation error detected: Value '" + name + `' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`)
	case apiErr != nil:
		return nil, apiErr
	case q.query.Has("PolicyArns.member.1.arn"):
		return nil, badSTS("PolicyArns are not modelled by the simulator; send Policy")
	}
	account := w.account(m[1])
	role, ok := account.role(path.Base(m[2]))
	if !ok || role.Refuse || role.ExternalID != "" && role.ExternalID != q.query.Get("ExternalId") {
		return nil, accessDenied("User: " + q.identity.arn + " is not authorized to perform: sts:AssumeRole on resource: " + arn)
	}
	allowed, apiErr := readPolicy(q.query.Get("Policy"))
	if apiErr != nil {
		return nil, apiErr
	}
	s := session{identity{
		account: account, deny: role.Deny, policy: allowed,
		arn:    "arn:" + partition(q.region) + ":sts::" + account.Account + ":assumed-role/" + role.Name + "/" + name,
		userID: "AROA" + account.Account + ":" + name,
	}, q.now.Add(lifetime)}
	expiration := s.ends
	if role.ExpiresAfter > 0 && role.ExpiresAfter < lifetime {
		s.ends = q.now.Add(role.ExpiresAfter)
	}
	w.mu.Lock()
	token := fmt.Sprintf("simulated-session-%d", len(w.sessions)+1)
	w.sessions[token] = s
	w.mu.Unlock()
	return assumedRole{
		XMLNS: stsNamespace, AccessKeyID: "ASIA" + account.Account, SecretAccessKey: "simulated-secret",
		SessionToken: token, Expiration: expiration.UTC().Format(time.RFC3339),
		Arn: s.arn, AssumedRoleID: s.userID, Request: q.requestID,
	}, nil
}

// lifetime reads DurationSeconds: 900 to 43200, an hour when left out, and no
// more than an hour from one role to the next.
func (q *request) lifetime() (time.Duration, *apiError) {
	text := q.query.Get("DurationSeconds")
	if text == "" {
		return time.Hour, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 900 || n > 43200 {
		return 0, badSTS("1 validation error detected: Value '" + text + "' at 'durationSeconds' failed to satisfy constraint: Member must have value between 900 and 43200")
	}
	if strings.Contains(q.identity.arn, ":assumed-role/") && n > 3600 {
		return 0, badSTS("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	return time.Duration(n) * time.Second, nil
}

// role finds a role by name. An account that declares none has them all; an
// account that is not there has none.
func (a *Account) role(name string) (Role, bool) {
	if a == nil {
		return Role{}, false
	}
	for _, r := range a.Roles {
		if r.Name == name {
			return r, true
		}
	}
	return Role{Name: name}, len(a.Roles) == 0
}

type stsFault struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	XMLNS     string   `xml:"xmlns,attr"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

// stsCodes are the codes that the query protocol spells in its own way.
var stsCodes = map[string]string{
	"AccessDeniedException": "AccessDenied", "ExpiredTokenException": "ExpiredToken",
	"UnrecognizedClientException": "InvalidClientTokenId", "MissingAuthenticationTokenException": "MissingAuthenticationToken",
	"IncompleteSignatureException": "IncompleteSignature", "UnknownOperationException": "InvalidAction",
}

func stsError(r *apiError, requestID string) stsFault {
	f := stsFault{XMLNS: stsNamespace, Type: "Sender", Code: r.code, Message: r.message, RequestID: requestID}
	if code, own := stsCodes[r.code]; own {
		f.Code = code
	}
	return f
}

// policy is an inline session policy: what it does not allow is refused.
type policy []statement

func (p policy) allows(action, resource string) bool {
	covers := func(effect string) bool {
		return slices.ContainsFunc(p, func(s statement) bool {
			return s.Effect == effect && matches(s.Action, action) && (len(s.Resource) == 0 || includes(s.Resource, resource))
		})
	}
	return covers("Allow") && !covers("Deny")
}

// includes says whether one of the patterns covers a resource. Unlike actions,
// resources are case-sensitive. A request about no resource in particular is
// about "*", which only "*" covers.
func includes(patterns []string, resource string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(flat(p), flat(resource)) // IAM's * also stands for slashes
		return ok
	})
}

func flat(s string) string { return strings.ReplaceAll(s, "/", ":") }

// oneOrMany is a JSON value that may be a text or a list of them.
type oneOrMany []string

func (o *oneOrMany) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*o = oneOrMany{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(o))
}

type statement struct {
	Effect   string
	Action   oneOrMany
	Resource oneOrMany // left out: every resource
}

// readPolicy reads a session policy; nil is none.
func readPolicy(text string) (policy, *apiError) {
	if text == "" {
		return nil, nil
	}
	var document struct{ Statement policy }
	bad := func(s statement) bool { return len(s.Action) == 0 || s.Effect != "Allow" && s.Effect != "Deny" }
	if err := json.Unmarshal([]byte(text), &document); err != nil || len(document.Statement) == 0 || slices.ContainsFunc(document.Statement, bad) {
		return nil, badRequest("MalformedPolicyDocument", "The session policy must be JSON with a Statement list of Effect and Action.")
	}
	return document.Statement, nil
}

package awssim

import (
	"cmp"
	"net/http"
	"path"
	"regexp"
	"strings"
	"time"
)

// identity is who asks, and where.
type identity struct {
	account *account
	region  string
	service string // "lambda", "sts", "tagging"
	arn     string
	userID  string
	deny    []string // of the role
	policy  *policy  // of the session; nil allows all
}

func (id identity) place() place { return place{id.account.id, id.region} }

// credentialScope finds what the caller signed for:
// "Credential=KEY/date/region/service/aws4_request".
var credentialScope = regexp.MustCompile(`Credential=([^/,\s]+)/[^/,\s]*/([^/,\s]*)/([^/,\s]*)/aws4_request`)

// accountKey is an access key id that names an account.
var accountKey = regexp.MustCompile(`^(?:AKIA|ASIA)(\d{12})$`)

// identify reads who asks and where from the headers. On a refusal the identity
// still holds the service, whose way of telling errors applies.
func (w *World) identify(r *http.Request, now time.Time) (identity, *refusal) {
	service, region := hostScope(r)
	id := identity{account: w.accounts[0], region: cmp.Or(region, w.DefaultRegion()), service: service}
	authorization := r.Header.Get("Authorization")
	if authorization == "" {
		return id, missingToken()
	}
	m := credentialScope.FindStringSubmatch(authorization)
	if m == nil {
		return id, incompleteSignature()
	}
	key := m[1]
	id.region, id.service = cmp.Or(m[2], id.region), m[3]
	if s, known := w.session(r.Header.Get("X-Amz-Security-Token")); known {
		id.account, id.arn, id.userID = s.account, s.arn, s.userID
		id.deny, id.policy = s.role.Deny, s.policy
		if s.expired || !now.Before(s.ends) {
			return id, expiredToken()
		}
		return id, nil
	}
	if k := accountKey.FindStringSubmatch(key); k != nil {
		a := w.account(k[1])
		if a == nil {
			return id, unrecognizedClient()
		}
		id.account = a
	}
	id.arn = "arn:" + partition(id.region) + ":iam::" + id.account.id + ":user/simulated"
	id.userID = "AIDA" + id.account.id
	return id, nil
}

// hostScope guesses service and region from a host name such as
// lambda.us-east-1.amazonaws.com.
func hostScope(r *http.Request) (service, region string) {
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	labels := strings.Split(strings.ToLower(host), ".")
	service = strings.TrimSuffix(labels[0], "-fips")
	if service != "sts" && service != "tagging" {
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

// authorize refuses an action that the account or the role denies, or that the
// session's policy does not allow.
func (id identity) authorize(action, resource string, deny []string) *refusal {
	because := ""
	switch {
	case matches(deny, action), matches(id.deny, action):
		because = "no identity-based policy allows the " + action + " action"
	case id.policy != nil && !id.policy.allows(action, resource):
		because = "no session policy allows the " + action + " action"
	default:
		return nil
	}
	return accessDenied("User: " + id.arn + " is not authorized to perform: " + action + " on resource: " + resource + " because " + because)
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

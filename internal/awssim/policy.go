package awssim

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
)

// policy is an inline session policy: what it does not allow is refused.
type policy struct{ allow, deny []statement }

func (p *policy) allows(action, resource string) bool {
	return covered(p.allow, action, resource) && !covered(p.deny, action, resource)
}

// covered says whether one of the statements speaks of an action on a resource.
func covered(statements []statement, action, resource string) bool {
	return slices.ContainsFunc(statements, func(s statement) bool {
		return matches(s.Action, action) && (len(s.Resource) == 0 || includes(s.Resource, resource))
	})
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
func readPolicy(text string) (*policy, *refusal) {
	if text == "" {
		return nil, nil
	}
	var document struct{ Statement []statement }
	malformed := &refusal{400, "MalformedPolicyDocument", "The session policy must be JSON with a Statement list of Effect and Action.", styleBare}
	if err := json.Unmarshal([]byte(text), &document); err != nil || len(document.Statement) == 0 {
		return nil, malformed
	}
	p := &policy{}
	for _, s := range document.Statement {
		switch {
		case len(s.Action) == 0:
			return nil, malformed
		case s.Effect == "Allow":
			p.allow = append(p.allow, s)
		case s.Effect == "Deny":
			p.deny = append(p.deny, s)
		default:
			return nil, malformed
		}
	}
	return p, nil
}

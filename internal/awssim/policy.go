package awssim

import "encoding/json"

// policy is an inline session policy: what it does not allow is refused.
type policy struct{ allow, deny []string }

func (p *policy) allows(action string) bool {
	return matches(p.allow, action) && !matches(p.deny, action)
}

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
	Effect string
	Action oneOrMany
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
			p.allow = append(p.allow, s.Action...)
		case s.Effect == "Deny":
			p.deny = append(p.deny, s.Action...)
		default:
			return nil, malformed
		}
	}
	return p, nil
}

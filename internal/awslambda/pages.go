package awslambda

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Pages follows the tokens of one listing, of whatever service. It refuses a listing that
// goes in a circle or has more than Max pages: what was seen of it is a part, and would be
// taken for all.
type Pages struct {
	Max   int     // 0: any number
	Token *string // of the page to ask for; nil is the first, and after Turn the end
	seen  map[string]bool
}

// Turn goes on to the page that next marks; nil and "" are the end of the listing.
func (p *Pages) Turn(next *string) error {
	token := aws.ToString(next)
	if token == "" {
		p.Token = nil
		return nil
	}
	if p.seen[token] {
		return fmt.Errorf("AWS gave the page token %q twice, so the listing never ends", token)
	}
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	p.seen[token] = true
	if len(p.seen) == p.Max {
		return fmt.Errorf("the listing did not end after %d pages", p.Max)
	}
	p.Token = next
	return nil
}

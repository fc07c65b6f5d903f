package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
)

// fromItem reads one unit of work that an engine hands out:
//
//	"111111111111/eu-west-1"                                    a target
//	{"account": "111111111111", "region": "eu-west-1"}          the same
//	{..., "rest_of": "20261125T120000Z-1f3c9a02"}               what that run had no time for
//	{..., "function": "orders"}                                 one function there
//	{..., "function": "orders", "qualifier": "live"}            one key there
//	"arn:aws:lambda:eu-west-1:111111111111:function:orders"     a function by its ARN
//
// Other members are left alone, so that items may carry labels for people. An
// item that names no target is an error and never means everything.
func fromItem(raw json.RawMessage) ([]Hint, error) {
	h, err := itemHint(raw)
	if err != nil {
		return nil, err
	}
	return []Hint{h}, nil
}

func itemHint(raw json.RawMessage) (Hint, error) {
	o := asObject(raw)
	if o == nil {
		s := asText(raw)
		if account, region, ok := strings.Cut(s, "/"); ok {
			return targetHint(account, region)
		}
		if n, err := desired.ParseName(s); err == nil && n.Region != "" {
			return hintOf(n, desired.Target{}), nil
		}
		return Hint{}, fmt.Errorf("%.80s is no event that is known here and names no target; "+
			`write "ACCOUNT/REGION", or {"account": "...", "region": "..."}`, raw)
	}
	account, region := o.text("account"), o.text("region")
	if account == "" && region == "" {
		return Hint{}, errors.New("the event has none of the known forms and names no account and region; " +
			"check which rule or state machine sends it")
	}
	h, err := targetHint(account, region)
	h.RestOf = o.text("rest_of")
	if err != nil || !o.has("function") {
		return h, err
	}
	n, err := desired.ParseName(o.text("function"))
	if err != nil {
		return Hint{}, fmt.Errorf("%.80s is not the name of a function; write a name or an ARN", o["function"])
	}
	if o.has("qualifier") {
		if n.Qualifier = o.text("qualifier"); !isQualifier(n.Qualifier) {
			return Hint{}, fmt.Errorf("%.80s is not a qualifier; write an alias, a version number or $LATEST", o["qualifier"])
		}
	}
	return hintOf(n, h.Target), nil
}

func targetHint(account, region string) (Hint, error) {
	t := desired.Target{Account: account, Region: region}
	if !t.Valid() {
		return Hint{}, fmt.Errorf("account %.40q and region %.40q do not name a target; write twelve digits and a region such as eu-west-1", account, region)
	}
	return Hint{Kind: Target, Target: t}, nil
}

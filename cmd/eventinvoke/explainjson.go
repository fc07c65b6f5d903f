package main

import (
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
)

// The types below are the JSON form of explain KEY, in the order of its output.

type explainDocument struct {
	FormatVersion int              `json:"format_version"`
	Keys          []explainKeyJSON `json:"keys"`
}

type explainKeyJSON struct {
	Target      string             `json:"target"`
	Account     string             `json:"account"`
	Region      string             `json:"region"`
	Function    string             `json:"function"`
	Qualifier   string             `json:"qualifier"`
	Remove      bool               `json:"remove"`
	Origin      explainOriginJSON  `json:"origin"`
	TagsUnknown bool               `json:"tags_unknown"`
	Fields      []explainFieldJSON `json:"fields"`
	Live        *explainLiveJSON   `json:"live"` // null without --live
}

type explainFieldJSON struct {
	Name    string                 `json:"name"`
	Want    desired.Value          `json:"want"`    // null when the field is left as it is
	Live    desired.Value          `json:"live"`    // null when AWS holds nothing, or was not asked
	Differs bool                   `json:"differs"` // in effect; false when AWS was not asked
	Said    []explainStatementJSON `json:"said"`    // strongest first
}

type explainStatementJSON struct {
	Value  desired.Value     `json:"value"`
	Won    bool              `json:"won"`
	Rule   string            `json:"rule"` // its name; "" when it has none
	Origin explainOriginJSON `json:"origin"`
}

type explainOriginJSON struct {
	File  string `json:"file"`
	Line  int    `json:"line"`
	Layer string `json:"layer"`
	Name  string `json:"name"` // of the rule
}

type explainLiveJSON struct {
	State        liveState `json:"state"`
	LastModified *string   `json:"last_modified"`
	Error        *string   `json:"error"`
}

func explainedJSON(keys []explained) explainDocument {
	document := explainDocument{FormatVersion: 1}
	for i := range keys {
		document.Keys = append(document.Keys, keys[i].json())
	}
	return document
}

func (e *explained) json() explainKeyJSON {
	out := explainKeyJSON{
		Target: e.Label, Account: e.Key.Account, Region: e.Key.Region, Function: e.Key.Function, Qualifier: e.Key.Qualifier,
		Remove: e.Entry.Remove, Origin: originJSON(e.Entry.Origins.Entry), TagsUnknown: e.TagsUnknown,
	}
	for _, h := range e.Fields {
		out.Fields = append(out.Fields, e.fieldJSON(h))
	}
	if l := e.Live; l != nil {
		out.Live = &explainLiveJSON{State: l.State}
		if !l.Modified.IsZero() {
			at := l.Modified.Format(time.RFC3339Nano)
			out.Live.LastModified = &at
		}
		if l.Err != nil {
			text := l.Err.Error()
			out.Live.Error = &text
		}
	}
	return out
}

func (e *explained) fieldJSON(h desired.SettingHistory) explainFieldJSON {
	field := explainFieldJSON{Name: h.Setting.String(), Differs: e.differs(h), Said: []explainStatementJSON{}}
	if won := h.Applied(); won != nil {
		field.Want = won.Value
	}
	if e.Live != nil && e.Live.known() {
		field.Live = e.Live.Settings[h.Setting]
	}
	for _, s := range slices.Backward(h.Sources) {
		field.Said = append(field.Said, explainStatementJSON{Value: s.Value, Won: s.Applied, Rule: s.Origin.Rule(), Origin: originJSON(s.Origin)})
	}
	return field
}

func originJSON(o desired.Origin) explainOriginJSON {
	return explainOriginJSON{File: o.File(), Line: o.Line(), Layer: o.LayerName(), Name: o.Rule()}
}

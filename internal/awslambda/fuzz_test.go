package awslambda

import (
	"testing"

	"github.com/eventinvoke/eventinvoke/desired"
)

// FuzzAnswer: no body makes a decoder panic, and a record that is accepted is
// one that Lambda could hold.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `[]`, `{}`, recordOf(orders), `{"FunctionEventInvokeConfigs":[` + recordOf(live) + `],"NextMarker":"m"}`,
		`{"FunctionEventInvokeConfigs":[null,{}]}`, `{"Aliases":[{"Name":"a"}]}`, `{"Functions":[null],"Versions":[{}]}`,
		`{"ResourceTagMappingList":[{"ResourceARN":"arn:aws:lambda:us-east-1:111111111111:function:f","Tags":[null]}]}`,
	} {
		f.Add([]byte(seed))
	}
	ops := append(readOperations().names(), append(writeOperations().names(), opGetResources)...)
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = errorIn(nil, body)
		_ = excerpt(body)
		for _, op := range ops {
			v, err := decode(op, body)
			if err != nil {
				continue
			}
			switch v := v.(type) {
			case wireConfigs:
				for _, w := range v.FunctionEventInvokeConfigs {
					checkAccepted(t, w)
				}
			case *wireRecord:
				checkAccepted(t, v)
			case wireAliases:
				names, _ := v.list()
				_, _ = toNames(here, "orders", names)
			case wireVersions:
				names, _ := v.list()
				_, _ = toNames(here, "orders", names)
			case wireFunctions:
				names, _ := v.list()
				_, _ = toNames(here, "", names)
			case wireTagged:
				_ = (&Tagger{lane: &Conn{target: here}}).collect(map[string]map[string]string{}, v)
			}
		}
	})
}

func checkAccepted(t *testing.T, w *wireRecord) {
	r, err := toRecord(here, "orders", w)
	if err != nil {
		return
	}
	retries, age := r.Effect(desired.MaximumRetryAttempts).Int(), r.Effect(desired.MaximumEventAgeInSeconds).Int()
	if r.Qualifier == "" || retries < 0 || retries > 2 || age < 60 || age > 21600 {
		t.Errorf("accepted %+v", r)
	}
}

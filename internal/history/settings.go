package history

import (
	"github.com/eventinvoke/eventinvoke/desired"
)

// keyJSON is a key as files spell it.
type keyJSON struct {
	Account   string `json:"account"`
	Region    string `json:"region"`
	Function  string `json:"function"`
	Qualifier string `json:"qualifier"`
}

func newKey(k desired.Key) keyJSON {
	return keyJSON{Account: k.Account, Region: k.Region, Function: k.Function, Qualifier: k.Qualifier}
}

func (k keyJSON) key() desired.Key {
	return desired.Key{
		Target: desired.Target{Account: k.Account, Region: k.Region},
		Name:   desired.Name{Function: k.Function, Qualifier: k.Qualifier},
	}
}

// requestOf is a request as read back: one that is not there sends nothing.
func requestOf(c *desired.Config) desired.Config {
	if c == nil {
		return desired.Config{}
	}
	return *c
}

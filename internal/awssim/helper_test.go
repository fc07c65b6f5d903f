package awssim_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

const (
	account = "111111111111"
	other   = "222222222222"
	region  = "us-east-1"
	arn     = "arn:aws:lambda:us-east-1:111111111111:function:"
)

func newWorld(t testing.TB, s *awssim.Scenario) *awssim.World {
	t.Helper()
	w, err := awssim.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// reply is a response, read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// code is the error code as the SDKs find it for Lambda.
func (r reply) code() string { return r.header.Get("X-Amzn-Errortype") }

type client struct {
	t       testing.TB
	world   *awssim.World
	key     string // access key id
	token   string // session token
	region  string
	service string
}

// by is a client of the first account in the usual region.
func by(t testing.TB, w *awssim.World) client {
	return client{t: t, world: w, key: w.DefaultAccessKeyID(), region: region, service: "lambda"}
}

func (c client) request(method, path, body string) *http.Request {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, "http://simulator.invalid"+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+c.key+"/20260131/"+c.region+"/"+c.service+"/aws4_request, SignedHeaders=host, Signature=00")
	if c.token != "" {
		r.Header.Set("X-Amz-Security-Token", c.token)
	}
	return r
}

// try makes a call that may break on the way.
func (c client) try(method, path, body string) (reply, error) {
	c.t.Helper()
	return send(c.world, c.request(method, path, body))
}

func send(w *awssim.World, r *http.Request) (reply, error) {
	res, err := w.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(b)}, err
}

func (c client) call(method, path, body string) reply {
	c.t.Helper()
	r, err := c.try(method, path, body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

// path of the event invoke config of a function, with an optional query.
func path(function, query string) string {
	p := "/2019-09-25/functions/" + function + "/event-invoke-config"
	if query != "" {
		p += "?" + query
	}
	return p
}

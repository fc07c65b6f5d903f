package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/internal/awstest"
)

// A place that hangs keeps nobody from the report of an audit: it is there, with this audit in its
// plot, which two make, before anything of it is stored.
func TestAnAuditIsReportedBeforeItIsRemembered(t *testing.T) {
	serve(t, awssim.Fleet(account, region, awssim.Function{Name: "f"}), nil)
	path := write(t, "version: 1\nfunctions: [{ name: f, maximum_retry_attempts: 0 }]\n")
	server := awstest.AnyS3(t)
	bucket := server.Bucket(t)
	endpoint, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	audit, stored := filepath.Join(t.TempDir(), "audit.html"), 0
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = endpoint.Scheme, endpoint.Host                // and the Host that is signed
		if r.In.Method == http.MethodPut && !strings.Contains(r.In.URL.Path, "/pace/") { // which divides the quota
			stored++
			if page, err := os.ReadFile(audit); err != nil || !strings.Contains(string(page), "Pace and history") {
				t.Errorf("%s before its report: %v, %d bytes", r.In.URL.Path, err, len(page))
			}
		}
	}})
	defer proxy.Close()
	place := "s3://" + bucket + "/team"
	for _, file := range []string{filepath.Join(t.TempDir(), "first"), audit} {
		t.Setenv("AWS_ENDPOINT_URL_S3", server.Endpoint)
		if file == audit { // the second: a plot needs two
			t.Setenv("AWS_ENDPOINT_URL_S3", proxy.URL)
		}
		if code, out, errs := eventinvoke(t.Context(), "audit", path, "--history", place, "-o", "html", "--output-file", file, "--quiet"); code != exitDifferences {
			t.Fatalf("exit code %d\n%s%s", code, out, errs)
		}
	}
	if stored == 0 {
		t.Error("nothing was stored")
	}
}

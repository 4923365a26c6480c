package v1alpha1_test

import ("testing";"strings";"time")

func TestScratch(t *testing.T) {
	needsAPIServer(t)
	rule := func(s string) string { return `rules: [{allowedOrigins: ["https://a.example"], allowedMethods: [GET], ` + s + `}]` }
	try := func(k kind, cases ...string) {
		for _, c := range cases {
			t0 := time.Now()
			got, err := k.dryRun(t.Context(), k.manifest(t, c))
			short := c
			if len(short) > 150 { short = short[:150] }
			t.Logf("%s\n   ---> %.400v  %v", short, err, time.Since(t0).Round(time.Millisecond))
			for _, x := range causes(err) { if len(x)>300 {x=x[:300]}; t.Logf("      * %s", x) }
			if err == nil && len(c) < 100 { t.Logf("      = %v", got.Object["spec"]) }
		}
	}
	try(policyKind(),
		`buckets: `+list(100, "{name: b-%d}"), `buckets: `+list(101, "{name: b-%d}"), `buckets: []`, `buckets: null`, `buckets: [{}]`, `buckets: [{name: ab}]`, `buckets: [{name: "my bucket"}]`, `buckets: [{name: `+strings.Repeat("a", 256)+`}]`,
		`buckets: [{name: aaa},{name: aaa}]`, `buckets: [{name: aaa, region: "eu west"}]`, `buckets: [{name: aaa, region: ""}]`,`buckets: [{name: aaa, region: `+strings.Repeat("a", 64)+`}]`,
		`buckets: [{name: aaa, expectedBucketOwner: "123"}]`, `buckets: [{name: aaa, expectedBucketOwner: 111122223333}]`,`buckets: [{name: aaa, expectedBucketOwner: ""}]`,
		`buckets: [{name: aaa, expectedBucketOwner: "1234567890123"}]`,
		`rules: []`, `rules: null`, `rules: `+list(100, "{allowedOrigins: ['*'], allowedMethods: [GET]}"), `rules: `+list(101, "{allowedOrigins: ['*'], allowedMethods: [GET]}"),
		rule(`id: ""`), rule(`id: `+strings.Repeat("é", 255)), rule(`id: `+strings.Repeat("é", 256)), rule("maxAgeSeconds: 2147483648"), rule("maxAgeSeconds: -2147483648"), rule("maxAgeSeconds: -2147483649"), rule("maxAgeSeconds: 99999999999999999999"), rule("maxAgeSeconds: 3e3"), rule("maxAgeSeconds: 3000.0"), rule("maxAgeSeconds: 1.5"), rule("maxAgeSeconds: '5'"),rule("maxAgeSeconds: 1e10"),
		`rules: [{allowedMethods: [GET]}]`, `rules: [{allowedOrigins: ["*"]}]`, `rules: [{allowedOrigins: [], allowedMethods: []}]`, `rules: [{allowedOrigins: ["*"], allowedMethods: [OPTIONS]}]`,
		`rules: [{allowedOrigins: "*", allowedMethods: [get]}]`,`rules: [{allowedOrigins: "*", allowedMethods: [GET]}]`,
		`rules: [{allowedOrigins: ["*"], allowedMethods: `+list(101, "GET")+`}]`,
		`rules: [{allowedOrigins: `+list(2201, "'*'")+`, allowedMethods: [GET]}]`,
		`rules: [{allowedOrigins: [`+strings.Repeat("a", 8193)+`], allowedMethods: [GET]}]`,
		`rules: [{allowedOrigins: [null], allowedMethods: [GET]}]`,
		`mode: enforce`, `deletionPolicy: Restore`, `suspend: "yes"`, `suspend: yes`, `colour: red`, `providerRef: {}`, `providerRef: {name: ""}`, `providerRef: default`, `providerRef: {name: `+strings.Repeat("a", 254)+`}`, `mode: ""`, `deletionPolicy: ""`,
	)
	for _, d := range []string{"9s", "10s", "9.999s", "10000ms", "10.5s", "5 minutes", "1d", "-5m", "0s", "1h30m", "99999999999h", "2562047h", "2562048h", "", "5m ", "10", "+5m", "1m.5s", "30us", "1h 5m", ".5h", "5.m", "00000000000000000000000000005m","5M"} {
		try(policyKind(), `driftCheckInterval: "`+d+`"`)
	}
	try(policyKind(), `driftCheckInterval: 300`, `driftCheckInterval: `+strings.Repeat("1m", 17))
	for _, d := range []string{"ftp://x", "https://", "https://user:pw@host", "https://host?x=1", "https://host?", "https://host/path", "http://127.0.0.1:9000", "http://[::1]:9000", "not a url", "https://host/", "", "host:9000", "s3.internal", "//host", "https://:9000", "https://host:99999", "https://host:x", "https://ho st", "https://host/a b", "https://host#f", "HTTPS://Host", "https://host/a@b", "https://[fe80::1%25eth0]:9000", "https://ex_ample", "https://host\\n", "https:host", "https://hé.example", "https://host%zz", "https:///path","https://host:","https://host/%zz"} {
		try(providerKind(), `endpoint: "`+d+`"`)
	}
	try(providerKind(), `endpoint: https://`+strings.Repeat("a", 512), `region: null`, `region: "eu west"`, `caBundle: "not base64!"`, `caBundle: "QQ"`, `caBundle: "QQ=="`, `caBundle: ""`, `caBundle: "QQ==\nQQ=="`, `caBundle: "Q_-="`, "caBundle: |\n  UVFR\n  UVFR", `caBundle: `+strings.Repeat("A", 1048577), `caBundle: |
  -----BEGIN CERTIFICATE-----`,
		`requestsPerSecond: 0`, `requestsPerSecond: 10001`, `requestsPerSecond: 10000`, `credentials: {}`, `credentials: {secretRef: {}}`, `credentials: {secretRef: {name: ""}}`, `credentials: {secretRef: {name: a, namespace: b}}`, `addressing: path`, `checksum: SHA256`,
		`access: [{}]`, `access: [{namespaces: [], buckets: []}]`, `access: [{namespaces: [""], buckets: [""]}]`, `access: [{namespaces: ["a?"], buckets: ["a?"]}]`, `access: [{namespaces: ["Team-[ab]"], buckets: ["[ab]"]}]`, `access: [{namespaces: [a, a], buckets: [b, b]}]`,
		`access: [{namespaces: [`+strings.Repeat("a", 64)+`], buckets: [`+strings.Repeat("b", 256)+`]}]`, `access: `+list(101, "{namespaces: [a], buckets: [b]}"), `access: [{namespaces: `+list(101, "n%d")+`, buckets: `+list(101, "b%d")+`}]`)
}

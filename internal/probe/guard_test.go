// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/bucketcors/bucketcors/internal/probe"
)

const errAddressInUse = syscall.EADDRINUSE

// errStopped is why a connection that the guard allows is not made: its address is
// not on this machine.
var errStopped = errors.New("stopped by the test")

// What comes of an attempt, beside refusals.
const (
	connects = "connects to " // an address, on which a server listens
	allows   = "allows "      // an address, to which nothing is sent here
	fails    = "fails: "      // without a refusal
)

// The whole of what comes after the host, because it must not say how to allow that.
const (
	isMetadata         = ": a cloud's metadata service, which gives out credentials; leave the endpoint out"
	resolvesToMetadata = ": resolves to a cloud's metadata service, which gives out credentials; leave the endpoint out"
)

// attempts are requests. PORT is where servers listen, on 127.0.0.1, 127.0.0.2 and
// ::1. The want of one that is refused is part of the message.
var attempts = []struct {
	name    string
	url     string
	allowed []string
	dns     string
	want    string
}{
	{"a host that is listed is asked on the port of https", "https://cdn.example.com/", []string{"cdn.example.com"}, "1.1.1.1", allows + "1.1.1.1:443"},
	{"a host that is listed is asked on the port of http", "http://cdn.example.com/", []string{"cdn.example.com"}, "1.1.1.1", allows + "1.1.1.1:80"},
	{"the port of the scheme may be spelled out", "https://cdn.example.com:443/", []string{"cdn.example.com"}, "1.1.1.1", allows + "1.1.1.1:443"},
	{"an empty port is that of the scheme", "https://cdn.example.com:/", []string{"cdn.example.com"}, "1.1.1.1", allows + "1.1.1.1:443"},
	{"the port of the other scheme has to be listed", "http://cdn.example.com:443/", []string{"cdn.example.com"}, "1.1.1.1", `add "cdn.example.com:443"`},
	{"the port of the other scheme has to be listed for https too", "https://cdn.example.com:80/", []string{"cdn.example.com"}, "1.1.1.1", `add "cdn.example.com:80"`},
	{"another port has to be listed", "https://cdn.example.com:8443/", []string{"cdn.example.com"}, "1.1.1.1", `add "cdn.example.com:8443"`},
	{"a port that is listed is asked", "https://cdn.example.com:8443/", []string{"cdn.example.com:8443"}, "1.1.1.1", allows + "1.1.1.1:8443"},
	{"a port that is listed is instead of that of the scheme", "https://cdn.example.com/", []string{"cdn.example.com:8443"}, "1.1.1.1", `add "cdn.example.com"`},
	{"a port with zeros before it is the same port", "https://cdn.example.com:08443/", []string{"cdn.example.com:8443"}, "1.1.1.1", allows + "1.1.1.1:8443"},
	{"a port beyond 65535 is none", "https://cdn.example.com:65979/", []string{"cdn.example.com"}, "1.1.1.1", `cdn.example.com: "65979" is no port: it is a number from 1 to 65535; correct the URL`},
	{"port 0 is none", "https://cdn.example.com:0/", []string{"cdn.example.com"}, "1.1.1.1", "is no port"},
	{"a host that is not listed is refused", "https://other.example.com/", []string{"cdn.example.com"}, "1.1.1.1", `add "other.example.com"`},
	{"nothing is listed", "https://cdn.example.com/", nil, "1.1.1.1", `add "cdn.example.com"`},
	{"a host below one that is listed is another", "https://a.cdn.example.com/", []string{"cdn.example.com"}, "1.1.1.1", "not in spec.verification.allowedHosts"},
	{"a host that ends like one that is listed is another", "https://evilcdn.example.com/", []string{"cdn.example.com"}, "1.1.1.1", "not in spec.verification.allowedHosts"},
	{"a host that begins like one that is listed is another", "https://cdn.example.com.evil.example/", []string{"cdn.example.com"}, "1.1.1.1", "not in spec.verification.allowedHosts"},

	{"a host below a domain", "https://a.example.com/", []string{"*.example.com"}, "1.1.1.1", allows + "1.1.1.1:443"},
	{"a host far below a domain", "https://a.b.c.example.com/", []string{"*.example.com"}, "1.1.1.1", allows + "1.1.1.1:443"},
	{"a domain is not below itself", "https://example.com/", []string{"*.example.com"}, "1.1.1.1", `add "example.com"`},
	{"a host that ends like a domain is not below it", "https://evilexample.com/", []string{"*.example.com"}, "1.1.1.1", `add "evilexample.com"`},
	{"a domain with nothing before its dot is no host", "https://.example.com/", []string{"*.example.com"}, "1.1.1.1", "between the dots"},
	{"a domain with a port", "https://a.example.com:8443/", []string{"*.example.com:8443"}, "1.1.1.1", allows + "1.1.1.1:8443"},
	{"a domain on another port", "https://a.example.com:8444/", []string{"*.example.com:8443"}, "1.1.1.1", `add "a.example.com:8444"`},

	{"capital letters in a URL do not matter", "https://CDN.Example.COM/", []string{"cdn.example.com"}, "1.1.1.1", allows + "1.1.1.1:443"},
	{"a dot at the end does not matter", "https://cdn.example.com./", []string{"cdn.example.com"}, "1.1.1.1", allows + "1.1.1.1:443"},
	{"a dot at the end does not matter below a domain", "https://a.example.com./", []string{"*.example.com"}, "1.1.1.1", allows + "1.1.1.1:443"},
	{"two dots at the end are no host", "https://cdn.example.com../", []string{"cdn.example.com"}, "1.1.1.1", "between the dots"},
	{"a name beyond ASCII is refused", "https://bücher.example.com/", []string{"*.example.com"}, "1.1.1.1", "xn--"},
	{"wide digits are not those of an address", "http://１２７.0.0.1:PORT/", []string{"*.0.0.example", "127.0.0.1:PORT"}, "127.0.0.1", "xn--"},
	{"a dot of another script is none", "https://a。example.com/", []string{"*.example.com"}, "1.1.1.1", "xn--"},
	{"the Kelvin sign is no k", "https://\u212a.example.com/", []string{"k.example.com"}, "1.1.1.1", "xn--"},
	{"punycode is a name like others", "https://xn--bcher-kva.example.com/", []string{"*.example.com"}, "1.1.1.1", allows + "1.1.1.1:443"},
	{"a user is refused", "https://cdn.example.com@other.example.com/", []string{"*.example.com"}, "1.1.1.1", "must not have a user"},
	{"a user and a password are refused", "https://a:b@cdn.example.com/", []string{"cdn.example.com"}, "1.1.1.1", "must not have a user"},
	{"a backslash is no host", `https://cdn.example.com\@127.0.0.1/`, []string{"cdn.example.com"}, "1.1.1.1", fails + `parse "https://cdn.example.com\\@127.0.0.1/": net/url: invalid userinfo`},
	{"an asterisk is no host", "https://*.example.com/", []string{"*.example.com"}, "1.1.1.1", `"*.example.com": a URL names one host, without "*"; correct the URL`},
	{"a URL without a host", "https:///path", []string{"*.example.com"}, "1.1.1.1", "no host is named"},
	{"ftp is refused", "ftp://cdn.example.com/", []string{"cdn.example.com"}, "1.1.1.1", "only URLs with https:// or http://"},
	{"file is refused", "file://cdn.example.com/etc/passwd", []string{"cdn.example.com"}, "1.1.1.1", "only URLs with https:// or http://"},
	{"gopher is refused", "gopher://cdn.example.com:70/", []string{"cdn.example.com:70"}, "1.1.1.1", "only URLs with https:// or http://"},

	{"loopback is refused for a host that is listed", "http://cdn.example.com:PORT/", []string{"cdn.example.com:PORT"}, "127.0.0.1", "resolves to a loopback address"},
	{"loopback is refused below a domain", "http://a.example.com:PORT/", []string{"*.example.com:PORT"}, "127.0.0.1", "resolves to a loopback address"},
	{"loopback beyond 127.0.0.1 is loopback", "http://cdn.example.com:PORT/", []string{"cdn.example.com:PORT"}, "127.0.0.2", "resolves to a loopback address"},
	{"loopback of IPv6 is refused", "http://cdn.example.com:PORT/", []string{"cdn.example.com:PORT"}, "::1", "resolves to a loopback address"},
	{"a mapped loopback is refused", "http://cdn.example.com:PORT/", []string{"cdn.example.com:PORT"}, "::ffff:127.0.0.1", "resolves to a loopback address"},
	{"the unspecified address, which is this machine, is refused", "http://cdn.example.com:PORT/", []string{"cdn.example.com:PORT"}, "0.0.0.0", "resolves to the unspecified address"},
	{"the unspecified address of IPv6 is refused", "http://cdn.example.com:PORT/", []string{"cdn.example.com:PORT"}, "::", "resolves to the unspecified address"},
	{"the unspecified address is refused though a range has it", "http://cdn.example.com:PORT/", []string{"cdn.example.com:PORT", "0.0.0.0/8"}, "0.0.0.0", "nothing can be sent"},
	{"the unspecified address is refused though a range is just that", "http://cdn.example.com:PORT/", []string{"cdn.example.com:PORT", "0.0.0.0/32"}, "0.0.0.0", "nothing can be sent"},
	{"what else is this network is refused", "http://cdn.example.com:PORT/", []string{"cdn.example.com:PORT"}, "0.1.2.3", "resolves to a special-purpose address"},
	{"loopback that is listed is asked", "http://cdn.example.com:PORT/", []string{"cdn.example.com:PORT", "127.0.0.1"}, "127.0.0.1", connects + "127.0.0.1"},
	{"loopback in a range that is listed is asked", "http://a.example.com:PORT/", []string{"*.example.com:PORT", "127.0.0.0/8"}, "127.0.0.2", connects + "127.0.0.2"},
	{"a mapped loopback that is listed is asked", "http://cdn.example.com:PORT/", []string{"cdn.example.com:PORT", "127.0.0.1"}, "::ffff:127.0.0.1", connects + "127.0.0.1"},
	{"loopback of IPv6 that is listed is asked", "http://cdn.example.com:PORT/", []string{"cdn.example.com:PORT", "::1"}, "::1", connects + "::1"},
	{"loopback that is listed with the port is asked", "http://cdn.example.com:PORT/", []string{"cdn.example.com:PORT", "127.0.0.1:PORT"}, "127.0.0.1", connects + "127.0.0.1"},
	{"loopback that is listed with another port is refused", "http://cdn.example.com:PORT/", []string{"cdn.example.com:PORT", "127.0.0.1:1"}, "127.0.0.1", "resolves to a loopback address"},
	{"another loopback that is listed is not this one", "http://cdn.example.com:PORT/", []string{"cdn.example.com:PORT", "127.0.0.2"}, "127.0.0.1", "resolves to a loopback address"},
	{"every address does not name loopback", "http://cdn.example.com:PORT/", []string{"cdn.example.com:PORT", "0.0.0.0/0", "::/0"}, "127.0.0.1", "resolves to a loopback address"},
	{"every address does not name loopback of IPv6", "http://cdn.example.com:PORT/", []string{"cdn.example.com:PORT", "0.0.0.0/0", "::/0"}, "::1", "resolves to a loopback address"},
	{"localhost that is listed may be loopback", "http://localhost:PORT/", []string{"localhost:PORT"}, "127.0.0.1", connects + "127.0.0.1"},
	{"localhost that is not listed is refused", "http://localhost:PORT/", []string{"localhost"}, "127.0.0.1", `add "localhost:PORT"`},
	{"a host below localhost is refused", "http://a.localhost:PORT/", []string{"localhost:PORT", "*.localhost:PORT"}, "127.0.0.1", "resolves to a loopback address"},
	{"localhost opens loopback for no other host", "http://cdn.example.com:PORT/", []string{"localhost:PORT", "cdn.example.com:PORT"}, "127.0.0.1", "resolves to a loopback address"},

	{"an address that is not listed is refused", "https://1.1.1.1/", []string{"*.example.com"}, "", `add "1.1.1.1"`},
	{"an address that is listed is asked", "https://1.1.1.1/", []string{"1.1.1.1"}, "", allows + "1.1.1.1:443"},
	{"an address in a range is asked", "https://1.1.1.1/", []string{"1.1.0.0/16"}, "", allows + "1.1.1.1:443"},
	{"an address of IPv6 in a range is asked", "https://[2606:4700::1]/", []string{"2606:4700::/32"}, "", allows + "[2606:4700::1]:443"},
	{"an address with another port has to be listed with it", "https://1.1.1.1:8443/", []string{"1.1.0.0/16"}, "", `add "1.1.1.1:8443"`},
	{"an address of IPv6 with another port has to be listed with it", "https://[2606:4700::1]:8443/", []string{"2606:4700::/32"}, "", `add "[2606:4700::1]:8443"`},
	{"an address that is listed without a port is asked on that of the scheme alone", "http://10.0.0.1:9000/", []string{"10.0.0.1"}, "", `10.0.0.1: a private address, not at this port in spec.verification.allowedHosts of the BucketProvider, where an entry without a port is for that of the scheme alone (443 of https, 80 of http); add "10.0.0.1:9000" there`},
	{"an address in a range is asked on the port of the scheme alone", "http://10.0.0.1:9000/", []string{"10.0.0.0/8"}, "", `where an entry without a port is for that of the scheme alone (443 of https, 80 of http); add "10.0.0.1:9000" there`},
	{"a host that is listed without a port is asked on that of the scheme alone", "http://cdn.example.com:9000/", []string{"cdn.example.com"}, "1.1.1.1", `cdn.example.com: not at this port in spec.verification.allowedHosts of the BucketProvider, where an entry without a port`},
	{"a host that is not listed is told so in few words", "http://cdn.example.com:9000/", []string{"*.example.org"}, "1.1.1.1", `cdn.example.com: not in spec.verification.allowedHosts of the BucketProvider; add "cdn.example.com:9000" there to have it asked, or leave the endpoint out`},
	{"loopback as a host is refused", "http://127.0.0.1:PORT/", []string{"cdn.example.com"}, "", `127.0.0.1: a loopback address, not in spec.verification.allowedHosts of the BucketProvider; add "127.0.0.1:PORT" there to have it asked, or leave the endpoint out`},
	{"loopback as a host that is listed is asked", "http://127.0.0.1:PORT/", []string{"127.0.0.1:PORT"}, "", connects + "127.0.0.1"},
	{"loopback of IPv6 as a host is refused", "http://[::1]:PORT/", []string{"[::2]:PORT", "::1"}, "", "a loopback address"},
	{"loopback of IPv6 as a host that is listed is asked", "http://[::1]:PORT/", []string{"[::1]:PORT"}, "", connects + "::1"},
	{"a mapped loopback as a host is refused", "http://[::ffff:127.0.0.1]:PORT/", []string{"cdn.example.com", "::/0"}, "", "127.0.0.1: a loopback address"},
	{"a mapped loopback in hexadecimal is refused", "http://[::ffff:7f00:1]:PORT/", []string{"cdn.example.com", "::/0"}, "", "127.0.0.1: a loopback address"},
	{"a mapped loopback as a host that is listed is asked", "http://[::ffff:7f00:1]:PORT/", []string{"127.0.0.1:PORT"}, "", connects + "127.0.0.1"},
	{"a compatible loopback as a host is refused", "http://[::127.0.0.1]/", []string{"::/0"}, "", "a special-purpose address"},
	{"the unspecified address as a host is refused", "http://0.0.0.0:PORT/", []string{"0.0.0.0/0", "0.0.0.0/8"}, "", "nothing can be sent to the unspecified address"},
	{"the unspecified address of IPv6 as a host is refused", "http://[::]:PORT/", []string{"::/0"}, "", "nothing can be sent to the unspecified address"},
	{"an address with a zone is refused", "http://[fe80::1%25lo]:PORT/", []string{"fe80::/10"}, "", "zone"},
	{"every address names public ones", "https://1.1.1.1/", []string{"0.0.0.0/0"}, "", allows + "1.1.1.1:443"},
	{"every address does not name private ones", "https://10.0.0.1/", []string{"0.0.0.0/0"}, "", "a private address"},

	{"decimal is no address", "http://2130706433:PORT/", []string{"127.0.0.1:PORT", "localhost:PORT"}, "127.0.0.1", "four decimal numbers"},
	{"octal is no address", "http://0177.0.0.1:PORT/", []string{"127.0.0.1:PORT"}, "127.0.0.1", "four decimal numbers"},
	{"hexadecimal is no address", "http://0x7f.1:PORT/", []string{"127.0.0.1:PORT"}, "127.0.0.1", "four decimal numbers"},
	{"hexadecimal at once is no address", "http://0x7F000001:PORT/", []string{"127.0.0.1:PORT"}, "127.0.0.1", "four decimal numbers"},
	{"hexadecimal of nothing is no address", "http://0x:PORT/", []string{"127.0.0.1:PORT"}, "127.0.0.1", "four decimal numbers"},
	{"a short form is no address", "http://127.1:PORT/", []string{"127.0.0.1:PORT"}, "127.0.0.1", "four decimal numbers"},
	{"five numbers are no address", "http://127.0.0.0.1:PORT/", []string{"127.0.0.1:PORT"}, "127.0.0.1", "four decimal numbers"},
	{"a number too large is no address", "http://127.0.0.257:PORT/", []string{"127.0.0.1:PORT"}, "127.0.0.1", "four decimal numbers"},
	{"an address with a dot at its end is none", "http://127.0.0.1.:PORT/", []string{"127.0.0.1:PORT"}, "127.0.0.1", "four decimal numbers"},
	{"a number below a domain is a name", "https://127.0.0.1.example.com/", []string{"*.example.com"}, "1.1.1.1", allows + "1.1.1.1:443"},
	{"a number below a domain opens no loopback", "http://127.0.0.1.example.com:PORT/", []string{"*.example.com:PORT"}, "127.0.0.1", "resolves to a loopback address"},

	{"the metadata service is refused", "https://cdn.example.com/", []string{"cdn.example.com"}, "169.254.169.254", resolvesToMetadata},
	{"the metadata service as a host is refused", "http://169.254.169.254/latest/meta-data/", []string{"0.0.0.0/0"}, "", isMetadata},
	{"the metadata service of AWS on IPv6 as a host is refused", "http://[fd00:ec2::254]/", []string{"::/0"}, "", isMetadata},
	{"the metadata service on another port is refused", "http://169.254.169.254:8080/", []string{"169.254.169.254"}, "", isMetadata},
	{"the metadata service by a name that is not listed is refused", "http://metadata.google.internal/", nil, "169.254.169.254", isMetadata},
	{"the metadata service is refused though its range is listed", "https://cdn.example.com/", []string{"cdn.example.com", "169.254.0.0/16"}, "169.254.169.254", resolvesToMetadata},
	{"the metadata service by its name is refused", "http://metadata.google.internal/", []string{"metadata.google.internal"}, "169.254.169.254", resolvesToMetadata},
	{"the metadata service that is listed is asked", "https://cdn.example.com/", []string{"cdn.example.com", "169.254.169.254"}, "169.254.169.254", allows + "169.254.169.254:443"},
	{"a link-local range that is listed is asked", "https://cdn.example.com/", []string{"cdn.example.com", "169.254.0.0/16"}, "169.254.1.1", allows + "169.254.1.1:443"},
	{"the metadata service of AWS on IPv6 is refused", "https://cdn.example.com/", []string{"cdn.example.com"}, "fd00:ec2::254", resolvesToMetadata},
	{"the metadata service of AWS on IPv6 is refused though its range is listed", "https://cdn.example.com/", []string{"cdn.example.com", "fd00::/8"}, "fd00:ec2::254", resolvesToMetadata},
	{"the metadata service of Google on IPv6 is refused", "https://cdn.example.com/", []string{"cdn.example.com"}, "fd20:ce::254", resolvesToMetadata},
	{"the metadata service of Alibaba is refused", "https://cdn.example.com/", []string{"cdn.example.com"}, "100.100.100.200", resolvesToMetadata},
	{"the metadata service of Alibaba is refused though its range is listed", "https://cdn.example.com/", []string{"cdn.example.com", "100.64.0.0/10"}, "100.100.100.200", resolvesToMetadata},
	{"the metadata service of Alibaba that is listed is asked", "https://cdn.example.com/", []string{"cdn.example.com", "100.100.100.200"}, "100.100.100.200", allows + "100.100.100.200:443"},
	{"the metadata service of Azure is refused though it is public", "https://cdn.example.com/", []string{"cdn.example.com"}, "168.63.129.16", resolvesToMetadata},
	{"link-local of IPv6 is refused", "https://cdn.example.com/", []string{"cdn.example.com"}, "fe80::1", "resolves to a link-local address"},
	{"multicast is refused", "https://cdn.example.com/", []string{"cdn.example.com"}, "224.0.0.1", "special-purpose"},
	{"multicast of IPv6 is refused", "https://cdn.example.com/", []string{"cdn.example.com"}, "ff02::1", "special-purpose"},
	{"broadcast is refused", "https://cdn.example.com/", []string{"cdn.example.com"}, "255.255.255.255", "special-purpose"},
	{"documentation is refused", "https://cdn.example.com/", []string{"cdn.example.com"}, "192.0.2.7", "special-purpose"},
	{"documentation that is listed is asked", "https://cdn.example.com/", []string{"cdn.example.com", "192.0.2.7"}, "192.0.2.7", allows + "192.0.2.7:443"},
	{"benchmarking is refused", "https://cdn.example.com/", []string{"cdn.example.com"}, "198.18.0.1", "special-purpose"},
	{"Teredo is refused", "https://cdn.example.com/", []string{"cdn.example.com"}, "2001:0:1::1", "special-purpose"},
	{"site-local is refused", "https://cdn.example.com/", []string{"cdn.example.com"}, "fec0::1", "special-purpose"},

	{"a private address is asked of a host that is listed", "https://minio.storage.svc/", []string{"minio.storage.svc"}, "10.96.0.10", allows + "10.96.0.10:443"},
	{"a private address of 172.16.0.0/12", "https://minio.storage.svc/", []string{"minio.storage.svc"}, "172.31.255.255", allows + "172.31.255.255:443"},
	{"an address after 172.16.0.0/12 is public", "https://a.example.com/", []string{"*.example.com"}, "172.32.0.0", allows + "172.32.0.0:443"},
	{"a private address of 192.168.0.0/16", "https://minio.storage.svc/", []string{"minio.storage.svc"}, "192.168.1.1", allows + "192.168.1.1:443"},
	{"a shared address", "https://minio.storage.svc/", []string{"minio.storage.svc"}, "100.64.0.1", allows + "100.64.0.1:443"},
	{"a private address of IPv6", "https://minio.storage.svc/", []string{"minio.storage.svc"}, "fd12:3456::1", allows + "[fd12:3456::1]:443"},
	{"a private address is refused below a domain", "https://a.example.com/", []string{"*.example.com"}, "10.0.0.1", `a.example.com: resolves to a private address; add the host itself, without "*", or that address to spec.verification.allowedHosts`},
	{"a shared address is refused below a domain", "https://a.example.com/", []string{"*.example.com"}, "100.64.0.1", "resolves to a private address"},
	{"a private address of IPv6 is refused below a domain", "https://a.example.com/", []string{"*.example.com"}, "fc00::1", "resolves to a private address"},
	{"a private address is asked below a domain if a range has it", "https://a.example.com/", []string{"*.example.com", "10.0.0.0/24"}, "10.0.0.1", allows + "10.0.0.1:443"},
	{"a private address is refused below a domain if no range has it", "https://a.example.com/", []string{"*.example.com", "10.0.0.0/24"}, "10.0.1.1", "resolves to a private address"},
	{"a host that is listed on another port alone is below its domain on this one", "https://a.example.com/", []string{"*.example.com", "a.example.com:8443"}, "10.0.0.1", "resolves to a private address"},
	{"a host that is listed and below a domain is listed", "https://a.example.com/", []string{"a.example.com", "*.example.com"}, "10.0.0.1", allows + "10.0.0.1:443"},
	{"a private address as a host has to be listed", "https://10.0.0.1/", []string{"10.0.1.0/24"}, "", `10.0.0.1: a private address, not in spec.verification.allowedHosts of the BucketProvider; add "10.0.0.1" there`},
	{"a private address as a host that is listed is asked", "http://10.0.0.1:9000/", []string{"10.0.0.1:9000"}, "", allows + "10.0.0.1:9000"},

	{"a translated public address is asked", "https://a.example.com/", []string{"*.example.com"}, "64:ff9b::1.1.1.1", allows + "[64:ff9b::101:101]:443"},
	{"a translated loopback is refused", "https://a.example.com/", []string{"*.example.com"}, "64:ff9b::127.0.0.1", "resolves to a loopback address"},
	{"a translated loopback is refused though ranges have it", "https://a.example.com/", []string{"*.example.com", "64:ff9b::/96", "127.0.0.0/8"}, "64:ff9b::127.0.0.1", "resolves to a loopback address"},
	{"a translated metadata service is refused", "https://cdn.example.com/", []string{"cdn.example.com"}, "64:ff9b::169.254.169.254", resolvesToMetadata},
	{"a translated private address is refused below a domain", "https://a.example.com/", []string{"*.example.com"}, "64:ff9b::10.0.0.1", "resolves to a private address"},
	{"a locally translated address is refused", "https://cdn.example.com/", []string{"cdn.example.com"}, "64:ff9b:1::1.1.1.1", "special-purpose"},
	{"6to4 is refused", "https://cdn.example.com/", []string{"cdn.example.com"}, "2002:7f00:1::1", "special-purpose"},
	{"6to4 as a host is refused", "https://[2002:7f00:1::1]/", []string{"2000::/3"}, "", "special-purpose"},

	{"of several addresses the one that is allowed is asked", "http://cdn.example.com:PORT/", []string{"cdn.example.com:PORT", "127.0.0.2"}, "127.0.0.1 127.0.0.2 169.254.169.254", connects + "127.0.0.2"},
	{"of addresses of both families the one that is allowed is asked", "http://cdn.example.com:PORT/", []string{"cdn.example.com:PORT", "127.0.0.2"}, "::1 127.0.0.2", connects + "127.0.0.2"},
	{"of several addresses none is allowed", "https://a.example.com/", []string{"*.example.com"}, "10.0.0.1 127.0.0.1 fe80::1", "resolves to a loopback address"},
	{"of several addresses in another order none is allowed", "https://a.example.com/", []string{"*.example.com"}, "127.0.0.1 10.0.0.1", "resolves to a loopback address"},
	{"of a private and a special address the special one is named", "https://a.example.com/", []string{"*.example.com"}, "10.0.0.1 192.0.2.7", "resolves to a special-purpose address"},
	{"of a special and a private address the special one is named", "https://a.example.com/", []string{"*.example.com"}, "192.0.2.7 10.0.0.1", "resolves to a special-purpose address"},
	{"of several addresses the one that is allowed does not answer", "https://a.example.com/", []string{"*.example.com"}, "1.1.1.1 10.0.0.1", "nobody answers at those of its addresses that are allowed, and another is a private address"},
	{"a name that there is not", "https://a.example.com/", []string{"*.example.com"}, "", fails + `Options "https://a.example.com/": lookup a.example.com: no such host`},
}

func TestGuardConnectsWhereItIsAllowedAlone(t *testing.T) {
	s := newSite(t, "127.0.0.1", "127.0.0.2", "::1")
	fill := func(text string) string { return strings.ReplaceAll(text, "PORT", s.port) }
	want := map[netip.Addr]int{}
	for _, a := range attempts {
		t.Run(a.name, func(t *testing.T) {
			wanted := fill(a.want)
			to, toConnect := strings.CutPrefix(wanted, connects)
			if toConnect && s.accepted[netip.MustParseAddr(to)] == nil {
				t.Skipf("this machine has no %s", to)
			}
			if s.accepted[netip.IPv6Loopback()] == nil && (strings.Contains(a.dns, ":") || strings.Contains(a.want, allows+"[")) {
				t.Skip("this machine has no IPv6")
			}
			var allowed, dns []string
			for _, host := range a.allowed {
				allowed = append(allowed, fill(host))
			}
			dns = strings.Fields(a.dns)
			got := attempt(t, s, fill(a.url), allowed, dns)
			if toConnect {
				want[netip.MustParseAddr(to)]++
			}
			if got != wanted && (strings.HasPrefix(wanted, allows) || toConnect || !strings.Contains(got, wanted)) {
				t.Errorf("%s with %q and %q:\n got %s\nwant %s", a.url, allowed, dns, got, wanted)
			}
		})
	}
	s.wantAccepted(t, want)
}

// attempt is what comes of a request. Connections to the site are made, and no
// others.
func attempt(t *testing.T, s *site, to string, allowed, dns []string) string {
	t.Helper()
	g, err := probe.NewGuard(allowed)
	if err != nil {
		t.Fatal(err)
	}
	var addrs []netip.Addr
	for _, d := range dns {
		addrs = append(addrs, netip.MustParseAddr(d))
	}
	var through atomic.Pointer[netip.AddrPort]
	g.Dialing(resolverOf(t, func(int) []netip.Addr { return addrs }), func(to netip.AddrPort) error {
		through.Store(&to)
		if to.Addr().IsLoopback() && strings.HasSuffix(to.String(), ":"+s.port) {
			return nil
		}
		return errStopped
	})
	_, err = preflight(t, g.NewClient(nil), to)
	if err == nil {
		return connects + through.Load().Addr().String()
	}
	if refusal, ok := errors.AsType[*probe.NotAllowedError](err); ok {
		if tried := through.Load(); tried != nil && tried.Addr().IsLoopback() {
			t.Errorf("a connection was made to %s, and then: %v", tried, refusal)
		}
		for _, d := range dns {
			if strings.Contains(refusal.Error(), d) && !strings.Contains(to, d) {
				t.Errorf("the message has the address %s in it: %v", d, refusal)
			}
		}
		return refusal.Error()
	}
	if errors.Is(err, errStopped) {
		if strings.Contains(err.Error(), through.Load().Addr().String()) && len(dns) > 0 {
			t.Errorf("the message has the address in it: %v", err)
		}
		return allows + through.Load().String()
	}
	return fails + err.Error()
}

func TestGuardLooksAtEveryAnswerOfDNS(t *testing.T) {
	s := newSite(t, "127.0.0.1", "127.0.0.2")
	good, bad := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	g, err := probe.NewGuard([]string{"*.example.com:" + s.port, good.String()})
	if err != nil {
		t.Fatal(err)
	}
	client := g.Dialing(resolverOf(t, func(n int) []netip.Addr {
		if n%2 == 0 {
			return []netip.Addr{good}
		}
		return []netip.Addr{bad}
	}), func(netip.AddrPort) error { return nil }).NewClient(nil)

	to := "http://rebound.example.com:" + s.port + "/"
	for range 3 {
		send(t, client, to)
		if _, err := preflight(t, client, to); !isNotAllowed(err) {
			t.Errorf("after the answer changed to %s: %v; want a refusal", bad, err)
		}
	}
	s.wantAccepted(t, map[netip.Addr]int{good: 3})
}

func isNotAllowed(err error) bool {
	_, ok := errors.AsType[*probe.NotAllowedError](err)
	return ok
}

func TestGuardRefusesAgainWhenTheTransportDials(t *testing.T) {
	s := newSite(t, "127.0.0.1")
	g, err := probe.NewGuard([]string{"cdn.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	inner := &http.Client{Transport: probe.TransportOf(g.NewClient(nil))}
	if _, err := preflight(t, inner, "http://"+s.at("127.0.0.1")+"/"); !isNotAllowed(err) {
		t.Errorf("the transport by itself: %v; want a refusal", err)
	}
	s.wantAccepted(t, nil)
}

func TestGuardJudgesAMappedAddressAsTheIPv4Address(t *testing.T) {
	g, err := probe.NewGuard([]string{"*.example.com", "::/0"})
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]bool{
		"1.1.1.1": true, "::ffff:1.1.1.1": true, "10.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false,
	} {
		if got := g.Connects("a.example.com", "443", netip.MustParseAddr(addr)); got != want {
			t.Errorf("connects to %s: %v; want %v", addr, got, want)
		}
	}
}

func TestClientsFollowNoRedirect(t *testing.T) {
	target := newSite(t, "127.0.0.1")
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://"+target.at("127.0.0.1")+"/", status)
		}))
		t.Cleanup(server.Close)
		g, err := probe.NewGuard([]string{strings.TrimPrefix(server.URL, "http://")})
		if err != nil {
			t.Fatal(err)
		}
		for name, client := range map[string]*http.Client{"guarded": g.NewClient(nil), "service": probe.NewServiceClient(nil)} {
			if r := send(t, client, server.URL); r.StatusCode != status {
				t.Errorf("%s client: status %d; want %d", name, r.StatusCode, status)
			}
		}
	}
	target.wantAccepted(t, nil)
}

func TestClientsTrustTheGivenRootsAndNoOldTLS(t *testing.T) {
	newServer := func(highest uint16) (*httptest.Server, *x509.CertPool) {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: highest}
		server.StartTLS()
		t.Cleanup(server.Close)
		roots := x509.NewCertPool()
		roots.AddCert(server.Certificate())
		return server, roots
	}
	old, oldRoots := newServer(tls.VersionTLS11)
	modern, roots := newServer(tls.VersionTLS13)
	g, err := probe.NewGuard([]string{strings.TrimPrefix(old.URL, "https://"), strings.TrimPrefix(modern.URL, "https://")})
	if err != nil {
		t.Fatal(err)
	}
	for name, newClient := range map[string]func(*x509.CertPool) *http.Client{"guarded": g.NewClient, "service": probe.NewServiceClient} {
		send(t, newClient(roots), modern.URL)
		if _, err := preflight(t, newClient(x509.NewCertPool()), modern.URL); err == nil || !strings.Contains(err.Error(), "unknown authority") {
			t.Errorf("%s client with other roots: %v; want an unknown authority", name, err)
		}
		if _, err := preflight(t, newClient(oldRoots), old.URL); err == nil || !strings.Contains(err.Error(), "protocol version") {
			t.Errorf("%s client, server with TLS 1.1: %v; want a refusal of the version", name, err)
		}
	}
}

func TestTheServiceClientAloneUsesAProxy(t *testing.T) {
	g, err := probe.NewGuard(nil)
	if err != nil {
		t.Fatal(err)
	}
	if probe.TransportOf(g.NewClient(nil)).Proxy != nil {
		t.Error("the guarded client has a proxy, which would connect where the guard cannot see")
	}
	want := reflect.ValueOf(http.ProxyFromEnvironment).Pointer()
	if got := reflect.ValueOf(probe.TransportOf(probe.NewServiceClient(nil)).Proxy).Pointer(); got != want {
		t.Error("the client of the service does not use the proxy of the environment")
	}
}

func TestClientsShareNoConnections(t *testing.T) {
	s := newSite(t, "127.0.0.1")
	to := "http://" + s.at("127.0.0.1") + "/"
	listing, err := probe.NewGuard([]string{s.at("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	empty, err := probe.NewGuard(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := listing.NewClient(nil)
	for range 2 { // on one connection, which is not closed
		req, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, to, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
	}
	send(t, listing.NewClient(nil), to)
	if _, err := preflight(t, empty.NewClient(nil), to); !isNotAllowed(err) {
		t.Errorf("another guard, while a connection is kept: %v; want a refusal", err)
	}
	client.CloseIdleConnections()
	s.wantAccepted(t, map[netip.Addr]int{netip.MustParseAddr("127.0.0.1"): 2})
}

func TestErrorsOfConnectionsDoNotTellAddresses(t *testing.T) {
	g, err := probe.NewGuard([]string{"cdn.example.com:1", "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	g.Dialing(resolverOf(t, func(int) []netip.Addr { return []netip.Addr{netip.MustParseAddr("127.0.0.1")} }),
		func(netip.AddrPort) error { return nil })
	_, err = preflight(t, g.NewClient(nil), "http://cdn.example.com:1/")
	if !errors.Is(err, syscall.ECONNREFUSED) || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("got %v; want a refused connection, without the address", err)
	}
}

func TestCheckRefusesURLsThatNoParserMakes(t *testing.T) {
	g, err := probe.NewGuard([]string{"*.example.com", "0.0.0.0/0"})
	if err != nil {
		t.Fatal(err)
	}
	for name, u := range map[string]*url.URL{
		"none":                    nil,
		"zero":                    {},
		"opaque":                  {Scheme: "https", Opaque: "//cdn.example.com"},
		"a user in the host":      {Scheme: "https", Host: "cdn.example.com:80@127.0.0.1"},
		"a path in the host":      {Scheme: "https", Host: "127.0.0.1/.example.com"},
		"a line end in the host":  {Scheme: "https", Host: "a\r\nb.example.com"},
		"a NUL in the host":       {Scheme: "https", Host: "127.0.0.1\x00.example.com"},
		"a space in the host":     {Scheme: "https", Host: "127.0.0.1 .example.com"},
		"bad UTF-8 in the host":   {Scheme: "https", Host: "\xff.example.com"},
		"a long host":             {Scheme: "https", Host: strings.Repeat("a.", 500000) + "example.com"},
		"a long label":            {Scheme: "https", Host: strings.Repeat("a", 64) + ".example.com"},
		"a host with a bare IPv6": {Scheme: "https", Host: "::1"},
		"a capital scheme":        {Scheme: "HTTPS", Host: "cdn.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			refusal, ok := errors.AsType[*probe.NotAllowedError](g.Check(u))
			if !ok {
				t.Fatal("allowed; want a refusal")
			}
			if m := refusal.Error(); len(m) > 400 || strings.ContainsFunc(m, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("the message is not what one can print: %q", m)
			}
		})
	}
}

func TestNewGuardReadsWhatTheSchemaOfTheAPIAccepts(t *testing.T) {
	accepted := allowedHostSchema(t)
	for _, s := range []string{
		"cdn.example.com", "*.example.com", "cdn.example.com:8443", "*.example.com:8443", "minio", "minio:9000", "localhost", "localhost:9000",
		"a_b.example.com", "xn--bcher-kva.example", "1.2.3.4.example", "cafe", "cafe:80", "*.com", "0x7f.example", "a--b.example",
		"192.0.2.7", "192.0.2.7:9000", "192.0.2.0/24", "192.0.2.7/32", "0.0.0.0/0", "127.0.0.1", "10.0.0.0/8",
		"2001:db8::7", "[2001:db8::7]:8443", "[::1]:9000", "2001:db8::/32", "::1", "::1/128", "::/0", "fe80::/10", "2001:db8:0:0:0:0:0:7", "64:ff9b::192.0.2.7",
	} {
		if !accepted(s) {
			t.Errorf("the schema refuses %q", s)
		}
		if _, err := probe.NewGuard([]string{s}); err != nil {
			t.Errorf("NewGuard refuses %q: %v", s, err)
		}
	}
}

func TestNewGuardSaysWhatIsWrongWithAnEntryThatMeansNothing(t *testing.T) {
	accepted := allowedHostSchema(t)
	for s, want := range map[string]string{
		// What the schema lets through.
		"1.2.3.4.5/8":                         "not a range of addresses",
		"10.0.0.0/33":                         "not a range of addresses",
		"abc/8":                               "not a range of addresses",
		"::/129":                              "not a range of addresses",
		"10.1.2.3/8":                          "write 10.0.0.0/8 for the range, or 10.1.2.3 for the address",
		"2001:db8::7/32":                      "write 2001:db8::/32 for the range",
		"::ffff:0:0/96":                       "a range of IPv4 addresses is written",
		"::ffff:127.0.0.1":                    "an IPv4 address is written 127.0.0.1",
		"host:99999":                          `"99999" is no port`,
		"host:0":                              `"0" is no port`,
		"host:0080":                           `"0080" is no port`,
		"1.2.3.4.5":                           "four decimal numbers",
		"1.2.3":                               "four decimal numbers",
		"127.1:80":                            "four decimal numbers",
		"256.0.0.1":                           "four decimal numbers",
		"0177.0.0.1":                          "four decimal numbers",
		"2130706433":                          "four decimal numbers",
		"0x7f000001":                          "four decimal numbers",
		"*.0.0.1":                             "four decimal numbers",
		"*.127.0.0.1":                         "four decimal numbers",
		"a..b":                                "between the dots",
		"1:2:3":                               "neither a host with a port nor an IPv6 address",
		"dead:beef":                           `"beef" is no port`,
		":":                                   "is no port",
		"::":                                  "nothing can be sent to this address",
		"0.0.0.0":                             "nothing can be sent to this address",
		"0.0.0.0:80":                          "nothing can be sent to this address",
		strings.Repeat("a", 64) + ".example":  "1 to 63 characters",
		strings.Repeat("a.", 126) + "example": "at most 253 characters",
		"*." + strings.Repeat("abc.", 61) + "example":       "", // 251 characters
		"*." + strings.Repeat("abc.", 61) + "examples":      "short enough",
		"*." + strings.Repeat("abc.", 61) + "examples:8443": "short enough",
		// What it does not.
		"":                      "no host is named",
		"*":                     `"*" stands for`,
		"*.":                    "no host is named",
		"a.*.example":           `"*" stands for`,
		"CDN.example.com":       "must be in lower case",
		"2001:DB8::1":           "must be in lower case",
		"cdn.example.com.":      "between the dots",
		"cdn.example-":          "begins and ends with a letter or a digit",
		"-a.example":            "begins and ends with a letter or a digit",
		"https://a.example":     "not a range of addresses",
		"a.example/path":        "not a range of addresses",
		"a b":                   `" " cannot be in the name`,
		"bücher.example":        "xn--",
		"fe80::1%lo":            "zone",
		"[::1]":                 "brackets are for",
		"[192.0.2.7]:80":        "brackets are for",
		"[::1:80":               "brackets are for",
		"[a]:80":                "brackets are for",
		"user@a.example":        `"@" cannot be in the name`,
		"a\x00\n" + string('é'): "cannot be in the name",
	} {
		_, err := probe.NewGuard([]string{"good.example", s})
		switch {
		case want == "" && err == nil && accepted(s):
		case want == "" || err == nil:
			t.Errorf("%q: %v; want %q", s, err, want)
		case !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), `the allowed host "`):
			t.Errorf("%q: %v; want %q", s, err, want)
		}
	}
}

// allowedHostSchema is whether the CRD accepts an entry of allowedHosts.
func allowedHostSchema(tb testing.TB) func(string) bool {
	tb.Helper()
	data, err := os.ReadFile("../../config/crd/bases/s3.bucketcors.dev_bucketproviders.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	var crd any
	if err := yaml.Unmarshal(data, &crd); err != nil {
		tb.Fatal(err)
	}
	at := func(node any, path ...string) any {
		for _, key := range path {
			if list, ok := node.([]any); ok && len(list) > 0 {
				node = list[0]
			}
			m, _ := node.(map[string]any)
			node = m[key]
		}
		return node
	}
	items := at(at(crd, "spec", "versions"), "schema", "openAPIV3Schema", "properties", "spec", "properties", "verification",
		"properties", "allowedHosts", "items")
	most, _ := at(items, "maxLength").(float64)
	rule, _ := at(at(items, "x-kubernetes-validations"), "rule").(string)
	var patterns []*regexp.Regexp
	for _, m := range regexp.MustCompile(`self\.matches\('([^']*)'\)`).FindAllStringSubmatch(rule, -1) {
		patterns = append(patterns, regexp.MustCompile(m[1])) // CEL and Go have the same syntax, RE2
	}
	if most == 0 || len(patterns) < 2 {
		tb.Fatalf("the schema of an allowed host is not found: longest %v, rule %q", most, rule)
	}
	return func(s string) bool {
		for _, p := range patterns {
			if p.MatchString(s) {
				return len(s) <= int(most)
			}
		}
		return false
	}
}

func FuzzGuard(f *testing.F) {
	for _, a := range attempts {
		entries := strings.ReplaceAll(strings.Join(a.allowed, " "), "PORT", "9000")
		for addr := range strings.FieldsSeq(a.dns + " 127.0.0.1 ::1 fe80::1") {
			f.Add(entries, strings.ReplaceAll(a.url, "PORT", "9000"), netip.MustParseAddr(addr).AsSlice())
		}
	}
	accepted := allowedHostSchema(f)
	f.Fuzz(func(t *testing.T, list, to string, ip []byte) {
		entries := strings.Fields(list)
		g, err := probe.NewGuard(entries)
		if err != nil {
			return
		}
		for _, e := range entries {
			if !accepted(e) {
				t.Errorf("NewGuard reads %q, which the schema refuses", e)
			}
		}
		u, err := url.Parse(to)
		if err != nil {
			return
		}
		if err := g.Check(u); err != nil {
			if !isNotAllowed(err) {
				t.Errorf("Check(%q) is a %T", to, err)
			}
			return
		}
		addr, ok := netip.AddrFromSlice(ip)
		if !ok {
			return
		}
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		if literal, err := netip.ParseAddr(u.Hostname()); err == nil {
			addr = literal
		}
		if g.Connects(u.Hostname(), port, addr) && local(addr) && !names(entries, u.Hostname(), addr) {
			t.Errorf("%q connects to %s with %q", to, addr, entries)
		}
	})
}

// local is whether an address is this machine or next to it, however it is written.
func local(addr netip.Addr) bool {
	addr = addr.Unmap()
	if b := addr.As16(); addr.Is6() && bytes.HasPrefix(b[:], []byte{0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}) {
		addr = netip.AddrFrom4([4]byte(b[12:]))
	}
	return addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsUnspecified()
}

// names is whether an entry has an address in it, or is a host which may be local.
func names(entries []string, host string, addr netip.Addr) bool {
	for _, e := range entries {
		name := e
		if h, _, err := net.SplitHostPort(e); err == nil {
			name = h
		}
		if a, err := netip.ParseAddr(name); err == nil && a == addr.Unmap() {
			return true
		}
		if p, err := netip.ParsePrefix(e); err == nil && p.Contains(addr.Unmap()) {
			return true
		}
		if name == "localhost" && strings.EqualFold(strings.TrimSuffix(host, "."), name) && addr.Unmap().IsLoopback() {
			return true
		}
	}
	return false
}

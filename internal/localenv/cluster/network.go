// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// network is a /24 that a cluster has for itself: a link between this machine and the node, pods and Services.
type network struct {
	// link is the interface on this machine. It is gone when the namespaces are.
	link string
	all  netip.Prefix
	host netip.Addr
	node netip.Addr

	services netip.Prefix
	// apiService is the address of the Service kubernetes: the first one.
	apiService netip.Addr
	pods       netip.Prefix
}

const (
	linkPrefix = "bucketcors"
	// linkFile, in the state directory, holds the name of the interface.
	linkFile = "link"
	// maxNetworks is how many clusters can be on a machine.
	maxNetworks = 256
)

// planNetwork returns the n-th network. Nothing is known to use these addresses; that they are unused here is to be looked at.
func planNetwork(n int) network {
	base := [4]byte{10, 197, byte(n), 0}
	at := func(last byte) netip.Addr {
		address := base
		address[3] = last
		return netip.AddrFrom4(address)
	}
	return network{
		link:       linkPrefix + strconv.Itoa(n),
		all:        netip.PrefixFrom(at(0), 24),
		host:       at(1),
		node:       at(2),
		services:   netip.PrefixFrom(at(64), 26),
		apiService: at(65),
		pods:       netip.PrefixFrom(at(128), 25),
	}
}

// nodeLink is the name of the other end of the link.
const nodeLink = "node"

// connect makes the link to the namespaces, in the first network that nothing on this machine uses, and the routes. That there is
// an interface of its name marks a network as taken, for other processes that look for one too.
func connect(ctx context.Context, n *namespaces) (network, error) {
	used, err := usedPrefixes()
	if err != nil {
		return network{}, err
	}
	for i := range maxNetworks {
		plan := planNetwork(i)
		if overlapsAny(plan.all, used) {
			continue
		}
		err := ip(ctx, "link", "add", plan.link, "type", "veth", "peer", "name", nodeLink, "netns", strconv.Itoa(n.first))
		if err != nil && strings.Contains(err.Error(), "File exists") {
			continue
		}
		if err != nil {
			return network{}, err
		}
		if err := os.WriteFile(filepath.Join(n.stateDir, linkFile), []byte(plan.link+"\n"), 0o600); err != nil {
			return network{}, err
		}
		return plan, plan.configure(ctx, n)
	}
	return network{}, errors.New("no network of 10.197.0.0/16 is free on this machine")
}

func (w network) configure(ctx context.Context, n *namespaces) error {
	for _, arguments := range [][]string{
		{"address", "add", w.host.String() + "/30", "dev", w.link},
		{"link", "set", w.link, "up"},
		{"route", "add", w.all.String(), "via", w.node.String(), "dev", w.link},
	} {
		if err := ip(ctx, arguments...); err != nil {
			return err
		}
	}
	// The API server calls Services, too. A packet needs a route before it gets its real destination; where this one leads does
	// not matter. There is no route to anywhere else: nothing of the cluster leaves this machine.
	for _, arguments := range [][]string{
		{"address", "add", w.node.String() + "/30", "dev", nodeLink},
		{"link", "set", nodeLink, "up"},
		{"route", "add", w.services.String(), "dev", nodeLink},
	} {
		if err := n.run(ctx, nil, "ip", arguments...); err != nil {
			return err
		}
	}
	return nil
}

// disconnect waits until the kernel has removed the link, which it does some time after the namespaces ended, and helps it if
// that takes long.
func (w network) disconnect(ctx context.Context) error {
	for deadline := time.Now().Add(10 * time.Second); w.isConnected(); {
		if time.Now().After(deadline) {
			return ip(ctx, "link", "delete", w.link)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

func (w network) isConnected() bool {
	_, err := net.InterfaceByName(w.link)
	return err == nil
}

// ip runs the command ip on this machine.
func ip(ctx context.Context, arguments ...string) error {
	cmd := exec.CommandContext(ctx, findProgram("ip"), arguments...)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(arguments, " "), err, bytes.TrimSpace(output))
	}
	return nil
}

// usedPrefixes are the networks that this machine is in.
func usedPrefixes() ([]netip.Prefix, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var used []netip.Prefix
	for _, address := range addresses {
		if prefix, err := netip.ParsePrefix(address.String()); err == nil {
			used = append(used, prefix)
		}
	}
	return used, nil
}

func overlapsAny(prefix netip.Prefix, others []netip.Prefix) bool {
	for _, other := range others {
		if prefix.Overlaps(other.Masked()) {
			return true
		}
	}
	return false
}

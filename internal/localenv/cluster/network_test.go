// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"net/netip"
	"testing"
)

func TestTheAddressesOfANetworkLieInItAndAreTold(t *testing.T) {
	for n := range maxNetworks {
		w := planNetwork(n)
		link := netip.PrefixFrom(w.host, 30)
		for name, address := range map[string]netip.Addr{"host": w.host, "node": w.node, "the API server's Service": w.apiService} {
			if !w.all.Contains(address) {
				t.Errorf("%s: %s is not in %s", name, address, w.all)
			}
		}
		if !link.Contains(w.node) || !w.services.Contains(w.apiService) || w.apiService.Prev() != w.services.Addr() {
			t.Errorf("%+v: an address is not where it belongs", w)
		}
		parts := []netip.Prefix{link.Masked(), w.services, w.pods}
		for i, part := range parts {
			if part != part.Masked() || part.Bits() < w.all.Bits() || !w.all.Contains(part.Addr()) || overlapsAny(part, parts[i+1:]) {
				t.Errorf("%+v: %s is not apart from the others", w, part)
			}
		}
		// The kernel takes no longer name for an interface.
		if len(w.link) > 15 {
			t.Errorf("the interface %s has a long name", w.link)
		}
	}
}

func TestNetworksOfClustersAreApart(t *testing.T) {
	taken := planNetwork(0)
	if overlapsAny(planNetwork(1).all, []netip.Prefix{taken.all}) {
		t.Error("the second network overlaps the first")
	}
	// As an interface has it: the address of the machine, with the size of the network.
	if !overlapsAny(taken.all, []netip.Prefix{netip.MustParsePrefix("10.197.0.77/16")}) {
		t.Error("a network that the machine is in was taken for free")
	}
}

// SPDX-License-Identifier: Apache-2.0

package localenv

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// given are the addresses that FreeAddress has returned.
var given sync.Map

// FreeAddress returns an address of 127.0.0.1 that nothing listens on now, and none twice. Its port is below those that systems
// give to whoever asks for any: one of these would now and then be somebody's by the time that a program takes it.
func FreeAddress() (string, error) {
	var errs []error
	for range 20 {
		address := fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000))
		if _, twice := given.LoadOrStore(address, true); twice {
			continue
		}
		listener, err := net.Listen("tcp", address)
		if err == nil {
			err = listener.Close()
		}
		if err == nil {
			return address, nil
		}
		errs = append(errs, err)
	}
	return "", fmt.Errorf("no free port from 20000 to 29999 of 127.0.0.1 was found: %w", errors.Join(errs...))
}

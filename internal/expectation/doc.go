// SPDX-License-Identifier: Apache-2.0

// Package expectation checks the expectations of a policy against the rules that
// would be on a bucket. It touches no network.
package expectation

// SPDX-License-Identifier: Apache-2.0

// Package image tests what a release is made of: the image, built as `make image`
// builds it, and the Dockerfile, as far as that goes without a container engine.
// BuildKit's own front end reads it. It is a module of its own, so that what it needs
// does not become a dependency of the product.
package image

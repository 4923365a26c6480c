// SPDX-License-Identifier: Apache-2.0

// Command image builds what a release consists of, from a checkout, without a
// container engine and without a registry, and publishes it. Its first argument says
// what:
//
//	image            the container image, as an OCI layout and as an archive to import
//	archives         the command line for people, one archive for each platform, with
//	                 a manifest for krew
//	chart            the chart, packed, with the version of the release in it
//	checksums        SHA256SUMS of the files of a directory
//	publish          push the image with its SBOMs, and the chart, to their registries
//	notes            print what the changelog says about a version
//
// Whoever builds the same commit with the same Go gets the same bytes: no clock, no
// path and no setting of the machine enters them. The time in them is that of the
// commit, or SOURCE_DATE_EPOCH.
package main

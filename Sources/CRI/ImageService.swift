import Errors

/// CRI v1's ImageService: the images of this machine. The runtime implements it; `RuntimeClient` is the same over a socket.
public protocol ImageService: Sendable {
    /// One entry an image id.
    func listImages(_ request: CRIListImagesRequest) async throws -> CRIListImagesResponse
    /// The list in parts, each image once. Optional.
    func streamImages(_ request: CRIStreamImagesRequest) -> AsyncThrowingStream<CRIStreamImagesResponse, any Error>
    /// An image that is not here is an answer without `image`, not an error.
    func imageStatus(_ request: CRIImageStatusRequest) async throws -> CRIImageStatusResponse
    /// Returns the image id once the image is listed.
    func pullImage(_ request: CRIPullImageRequest) async throws -> CRIPullImageResponse
    /// Removes the image with all its tags and digests. Unknown images are no error.
    func removeImage(_ request: CRIRemoveImageRequest) async throws -> CRIRemoveImageResponse
    /// Bytes and inodes used on each image filesystem.
    func imageFsInfo(_ request: CRIImageFsInfoRequest) async throws -> CRIImageFsInfoResponse
}

extension ImageService {
    public func streamImages(_ request: CRIStreamImagesRequest) -> AsyncThrowingStream<
        CRIStreamImagesResponse, any Error
    > {
        AsyncThrowingStream { $0.finish(throwing: leftOut("StreamImages")) }
    }
}

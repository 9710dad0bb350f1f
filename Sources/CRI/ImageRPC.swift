/// The method table of `ImageService`: server and client both go by it.
public enum ImageRPC {
    public static let listImages = UnaryRPC("ListImages") {
        (service: any ImageService, request: CRIListImagesRequest) in
        try await service.listImages(request)
    }
    public static let streamImages = StreamRPC("StreamImages") {
        (service: any ImageService, request: CRIStreamImagesRequest) in
        service.streamImages(request)
    }
    public static let imageStatus = UnaryRPC("ImageStatus") {
        (service: any ImageService, request: CRIImageStatusRequest) in
        try await service.imageStatus(request)
    }
    public static let pullImage = UnaryRPC("PullImage") { (service: any ImageService, request: CRIPullImageRequest) in
        try await service.pullImage(request)
    }
    public static let removeImage = UnaryRPC("RemoveImage") {
        (service: any ImageService, request: CRIRemoveImageRequest) in
        try await service.removeImage(request)
    }
    public static let imageFsInfo = UnaryRPC("ImageFsInfo") {
        (service: any ImageService, request: CRIImageFsInfoRequest) in
        try await service.imageFsInfo(request)
    }

    public static let all: [any RPC<any ImageService>] = [
        listImages, streamImages, imageStatus, pullImage, removeImage, imageFsInfo,
    ]
}

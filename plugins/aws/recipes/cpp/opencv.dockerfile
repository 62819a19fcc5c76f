# With its own copies of the image formats' libraries, and without what needs a screen or a camera.
FROM tools AS opencv
RUN fetch https://github.com/opencv/opencv/archive/refs/tags/4.7.0.tar.gz opencv.tar.gz \
      8df0079cdbe179748a18d44731af62a245a45ebf5085223dc03133954c662973 \
    && tar xf opencv.tar.gz && cd opencv-4.7.0 \
    && cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/opt \
      -DBUILD_LIST=core,imgproc,imgcodecs,dnn -DBUILD_JPEG=ON -DBUILD_PNG=ON -DBUILD_ZLIB=ON -DWITH_TIFF=OFF \
      -DWITH_OPENEXR=OFF -DWITH_WEBP=OFF -DWITH_JASPER=OFF -DWITH_OPENJPEG=OFF -DWITH_GTK=OFF -DWITH_QT=OFF \
      -DWITH_FFMPEG=OFF -DWITH_GSTREAMER=OFF -DWITH_V4L=OFF -DWITH_IPP=OFF -DWITH_OPENCL=OFF \
      -DBUILD_TESTS=OFF -DBUILD_PERF_TESTS=OFF -DBUILD_EXAMPLES=OFF -DBUILD_opencv_apps=OFF \
    && cmake --build build --parallel "$(nproc)" && cmake --install build --strip

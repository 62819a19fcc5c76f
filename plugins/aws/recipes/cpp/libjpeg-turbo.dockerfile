FROM tools AS libjpeg-turbo
RUN dnf install -y nasm && dnf clean all
RUN fetch https://github.com/libjpeg-turbo/libjpeg-turbo/releases/download/3.0.3/libjpeg-turbo-3.0.3.tar.gz jpeg.tar.gz \
      343e789069fc7afbcdfe44dbba7dbbf45afa98a15150e079a38e60e44578865d \
    && tar xf jpeg.tar.gz && cd libjpeg-turbo-3.0.3 \
    && cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/opt -DCMAKE_INSTALL_LIBDIR=lib64 \
      -DENABLE_SHARED=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
    && cmake --build build --parallel "$(nproc)" && cmake --install build
